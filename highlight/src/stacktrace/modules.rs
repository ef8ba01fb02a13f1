//! Addresses as places in their modules, for stacks of stripped binaries: with the build id and the unstripped file they can be
//! symbolised later, as in `addr2line -e checkout 0x4f2a10`.

use std::fs;
use std::path::Path;

use super::RawStack;

/// Where a module is loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Module {
    start: u64,
    end: u64,
    /// Where the file's beginning is loaded.
    base: u64,
    name: String,
}

/// One line a frame, innermost first, `module+0xoffset`: the offset is the address in the file's own terms, one byte into the call
/// instruction's end. Empty where the system does not tell what is loaded where: everywhere but on Linux.
pub(crate) fn addresses(raw: &RawStack) -> String {
    let modules =
        fs::read_to_string("/proc/self/maps").map_or_else(|_| Vec::new(), |maps| read(&maps));
    let lines = raw.ips().iter().filter_map(|ip| {
        // A return address stands behind its call.
        let ip = ip.checked_sub(1)?;
        let module = modules
            .iter()
            .find(|module| (module.start..module.end).contains(&ip))?;
        Some(format!("{}+{:#x}\n", module.name, ip - module.base))
    });
    lines.take(super::MAX_FRAMES).collect()
}

/// Lines such as `7f00-7f80 r-xp 00001000 08:01 42  /usr/bin/checkout`.
fn read(maps: &str) -> Vec<Module> {
    let mut modules: Vec<Module> = Vec::new();
    let mut base = (String::new(), 0);
    for line in maps.lines() {
        let mut parts = line.split_whitespace();
        let (Some(range), Some(rights), Some(offset)) = (parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        let path = parts.nth(2).filter(|path| path.starts_with('/'));
        let (Some((start, end)), Some(path)) = (range.split_once('-'), path) else {
            continue;
        };
        let hex = |text: &str| u64::from_str_radix(text, 16).unwrap_or_default();
        let (start, end) = (hex(start), hex(end));
        if hex(offset) == 0 && base.0 != path {
            base = (path.to_owned(), start);
        }
        if rights.contains('x') && base.0 == path {
            let name = Path::new(path).file_name().unwrap_or_default();
            modules.push(Module {
                start,
                end,
                base: base.1,
                name: name.to_string_lossy().into_owned(),
            });
        }
    }
    modules
}

/// The GNU build id of an ELF file, in hexadecimal digits.
pub(crate) fn build_id(path: &Path) -> Option<String> {
    use std::io::{Read as _, Seek as _, SeekFrom};
    const NOTE: u32 = 4;
    const MAX_NOTES: u64 = 64 * 1024;
    let mut file = fs::File::open(path).ok()?;
    let mut header = [0; 64];
    file.read_exact(&mut header).ok()?;
    let is_elf_of_64_little_endian_bits = header.starts_with(b"\x7fELF\x02\x01");
    if !is_elf_of_64_little_endian_bits {
        return None;
    }
    let table = u64::from_le_bytes(header[32..40].try_into().ok()?);
    let entries = u16::from_le_bytes(header[56..58].try_into().ok()?);
    for entry in 0..u64::from(entries) {
        let mut segment = [0; 56];
        file.seek(SeekFrom::Start(table.checked_add(entry * 56)?))
            .ok()?;
        file.read_exact(&mut segment).ok()?;
        if u32::from_le_bytes(segment[..4].try_into().ok()?) != NOTE {
            continue;
        }
        let offset = u64::from_le_bytes(segment[8..16].try_into().ok()?);
        let size = u64::from_le_bytes(segment[32..40].try_into().ok()?);
        let mut notes = Vec::new();
        file.seek(SeekFrom::Start(offset)).ok()?;
        file.by_ref()
            .take(size.min(MAX_NOTES))
            .read_to_end(&mut notes)
            .ok()?;
        if let Some(id) = gnu_build_id(&notes) {
            return Some(id);
        }
    }
    None
}

/// Looks through ELF notes: lengths of name and content, the type, then both, each padded to four bytes.
fn gnu_build_id(mut notes: &[u8]) -> Option<String> {
    const BUILD_ID: u32 = 3;
    while let Some((head, rest)) = notes.split_at_checked(12) {
        let number = |at: usize| Some(u32::from_le_bytes(head[at..at + 4].try_into().ok()?));
        let (name_len, len, kind) = (number(0)? as usize, number(4)? as usize, number(8)?);
        let name = rest.get(..name_len)?;
        let content = rest.get(name_len.next_multiple_of(4)..)?;
        if kind == BUILD_ID && name == b"GNU\0" {
            return Some(crate::export::value::hex(content.get(..len)?));
        }
        notes = content.get(len.next_multiple_of(4)..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_is_read_with_the_base_of_each_module() {
        let maps = "\
5500-5600 r--p 00000000 08:01 1 /opt/shop
5600-5700 r-xp 00000100 08:01 1 /opt/shop
5700-5800 rw-p 00000000 00:00 0 [heap]
7000-7100 r-xp 00000000 08:01 2 /lib/libc.so.6
garbage
";
        let module = |start, end, base, name: &str| Module {
            start,
            end,
            base,
            name: name.to_owned(),
        };
        assert_eq!(
            read(maps),
            [
                module(0x5600, 0x5700, 0x5500, "shop"),
                module(0x7000, 0x7100, 0x7000, "libc.so.6")
            ]
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn an_own_stack_lies_in_the_own_program() {
        let exe = std::env::current_exe().unwrap();
        let name = exe.file_name().unwrap().to_string_lossy().into_owned();
        let text = addresses(&RawStack::capture());
        assert!(text.starts_with(&format!("{name}+0x")), "{text}");
        assert_eq!(addresses(&RawStack::from_ips(vec![0, 1])), "");
    }

    #[test]
    fn a_build_id_is_found_among_notes() {
        let mut notes = vec![
            4, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, b'G', b'N', b'U', 0, 9, 0, 0, 0,
        ];
        notes.extend([
            4, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, b'G', b'N', b'U', 0, 0xab, 0xcd, 0, 0,
        ]);
        assert_eq!(gnu_build_id(&notes), Some("abcd".to_owned()));
        for cut in 0..notes.len() - 3 {
            assert_eq!(gnu_build_id(&notes[..cut]), None);
        }
        assert_eq!(build_id(Path::new("/no/such/file")), None);
        assert_eq!(build_id(Path::new("/proc/self/maps")), None);
    }
}
