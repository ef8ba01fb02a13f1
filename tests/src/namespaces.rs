//! Disks and name servers of a process's own, where the system lets it have them: Linux namespaces, with privileges or without.
#![expect(
    unsafe_code,
    reason = "there is no other way to mount and to leave a namespace"
)]

use std::ffi::{CString, c_int, c_ulong};
use std::fs;
use std::io::{self, Error};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::ptr;

/// Gives this process mounts of its own, and with `network` a network of its own, in which nothing but it is.
///
/// It has to be called while there is one thread.
///
/// # Errors
/// The system does not let it.
pub fn leave(network: bool) -> io::Result<()> {
    // SAFETY: they only ask.
    let (user, group) = unsafe { (libc::geteuid(), libc::getegid()) };
    let mut parts = libc::CLONE_NEWNS;
    if network {
        parts |= libc::CLONE_NEWNET;
    }
    if user != 0 {
        parts |= libc::CLONE_NEWUSER;
    }
    // SAFETY: it changes what this process sees, and no memory.
    succeeded(unsafe { libc::unshare(parts) })?;
    if user != 0 {
        fs::write("/proc/self/setgroups", "deny")?;
        fs::write("/proc/self/uid_map", format!("0 {user} 1"))?;
        fs::write("/proc/self/gid_map", format!("0 {group} 1"))?;
    }
    // What is mounted from here on stays here.
    mount(
        None,
        Path::new("/"),
        None,
        libc::MS_REC | libc::MS_PRIVATE,
        None,
    )?;
    if network { loopback() } else { Ok(()) }
}

/// Mounts a memory disk of `size`, such as `256k`, or changes the one that is there.
///
/// # Errors
/// The system does not let it.
pub fn disk(at: &Path, size: &str, read_only: bool, again: bool) -> io::Result<()> {
    let mut flags = 0;
    for (flag, is_set) in [(libc::MS_RDONLY, read_only), (libc::MS_REMOUNT, again)] {
        flags |= if is_set { flag } else { 0 };
    }
    let options = format!("size={size}");
    mount(
        Some(Path::new("tmpfs")),
        at,
        Some("tmpfs"),
        flags,
        Some(&options),
    )
}

/// Puts one file in the place of another, for this process.
///
/// # Errors
/// The system does not let it.
pub fn instead(of: &Path, file: &Path) -> io::Result<()> {
    mount(Some(file), of, None, libc::MS_BIND, None)
}

fn mount(
    source: Option<&Path>,
    target: &Path,
    kind: Option<&str>,
    flags: c_ulong,
    options: Option<&str>,
) -> io::Result<()> {
    let path = |path: &Path| CString::new(path.as_os_str().as_bytes());
    let source = source.map(path).transpose()?;
    let target = path(target)?;
    let kind = kind.map(CString::new).transpose()?;
    let options = options.map(CString::new).transpose()?;
    let start = |text: &Option<CString>| text.as_ref().map_or(ptr::null(), |text| text.as_ptr());
    // SAFETY: each is a string that ends, or null, and outlives the call.
    succeeded(unsafe {
        libc::mount(
            start(&source),
            target.as_ptr(),
            start(&kind),
            flags,
            start(&options).cast(),
        )
    })
}

/// Turns on the interface `lo`, which a new network has but not up.
fn loopback() -> io::Result<()> {
    // SAFETY: all of it is plain numbers, of which zero is one.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (place, letter) in request.ifr_name.iter_mut().zip(b"lo") {
        *place = letter.cast_signed();
    }
    request.ifr_ifru.ifru_flags = libc::c_short::try_from(libc::IFF_UP | libc::IFF_RUNNING)
        .map_err(|_| Error::other("the interface's flags do not fit"))?;
    // SAFETY: a socket is made, used with a request that lives as long, and closed.
    unsafe {
        let socket = libc::socket(libc::AF_INET, libc::SOCK_DGRAM, 0);
        succeeded(socket.min(0))?;
        let done = succeeded(libc::ioctl(socket, libc::SIOCSIFFLAGS, &raw const request));
        libc::close(socket);
        done
    }
}

fn succeeded(result: c_int) -> io::Result<()> {
    if result == 0 {
        Ok(())
    } else {
        Err(Error::last_os_error())
    }
}
