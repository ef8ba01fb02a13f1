//! `HashIDs` for one number, with the alphabet of highlight.io's verbose project ids (see <https://hashids.org>).

/// The alphabet, without what the algorithm sets apart as separators and guards; there is no salt.
const ALPHABET: &[u8; 24] = b"jklmnopqrvwxyz1234567890";
const GUARDS: &[u8; 3] = b"deg";
const SHORTEST: usize = 8;

/// The number behind a verbose id, if it is one.
pub(super) fn decode(id: &str) -> Option<u32> {
    let parts: Vec<_> = id.as_bytes().split(|byte| GUARDS.contains(byte)).collect();
    let core = if matches!(parts.len(), 2 | 3) {
        parts[1]
    } else {
        parts[0]
    };
    let (lottery, digits) = core.split_first()?;
    let alphabet = seeded(*lottery);
    let mut number = 0_u64;
    for digit in digits {
        let value = alphabet.iter().position(|byte| byte == digit)?;
        number = number.checked_mul(24)?.checked_add(value as u64)?;
    }
    let number = u32::try_from(number).ok()?;
    (encode(number) == id).then_some(number)
}

/// The verbose id of a number.
fn encode(number: u32) -> String {
    let hash = number as usize % 100;
    let lottery = ALPHABET[hash % ALPHABET.len()];
    let mut alphabet = seeded(lottery);
    let mut id = digits(number, &alphabet);
    id.insert(0, lottery);
    if id.len() < SHORTEST {
        id.insert(0, GUARDS[(hash + usize::from(id[0])) % GUARDS.len()]);
    }
    if id.len() < SHORTEST {
        id.push(GUARDS[(hash + usize::from(id[2])) % GUARDS.len()]);
    }
    while id.len() < SHORTEST {
        let salt = alphabet;
        shuffle(&mut alphabet, &salt);
        let (front, back) = alphabet.split_at(alphabet.len() / 2);
        id = [back, &id, front].concat();
        let start = id.len().saturating_sub(SHORTEST) / 2;
        id = id[start..start + SHORTEST].to_vec();
    }
    id.into_iter().map(char::from).collect()
}

fn digits(mut number: u32, alphabet: &[u8; 24]) -> Vec<u8> {
    let mut digits = Vec::new();
    loop {
        digits.insert(0, alphabet[number as usize % alphabet.len()]);
        number /= 24;
        if number == 0 {
            return digits;
        }
    }
}

/// The alphabet as the lottery character shuffles it.
fn seeded(lottery: u8) -> [u8; 24] {
    let mut salt = *ALPHABET;
    salt.rotate_right(1);
    salt[0] = lottery;
    let mut alphabet = *ALPHABET;
    shuffle(&mut alphabet, &salt);
    alphabet
}

fn shuffle(alphabet: &mut [u8; 24], salt: &[u8; 24]) {
    let mut sum = 0;
    for (step, last) in (1..alphabet.len()).rev().enumerate() {
        let value = usize::from(salt[step % salt.len()]);
        sum += value;
        alphabet.swap(last, (value + step % salt.len() + sum) % last);
    }
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    #[test]
    fn known_ids_go_both_ways() {
        for (number, id) in [
            (1, "1jdkoe52"),
            (2, "56gl9g91"),
            (99, "9memqjg2"),
            (123, "pzg01pd9"),
        ] {
            assert_eq!(encode(number), id);
            assert_eq!(decode(id), Some(number));
        }
    }

    #[test]
    fn every_size_of_number_comes_back() {
        for number in [0, 23, 24, 575, 65_535, i32::MAX.unsigned_abs()] {
            assert_eq!(decode(&encode(number)), Some(number));
        }
    }

    #[test]
    fn what_is_not_an_id_is_refused() {
        for id in [
            "",
            "d",
            "1jdkoe53",
            "1JDKOE52",
            "hello",
            "ééé",
            "ddddddddddd",
        ] {
            assert_eq!(decode(id), None, "{id}");
        }
    }
}
