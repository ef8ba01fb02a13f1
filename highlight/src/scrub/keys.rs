//! Names that name a secret.

/// A name that has one of these in it, with `_`, `-` and `.` left out.
const ANYWHERE: [&[u8]; 11] = [
    b"password",
    b"passwd",
    b"passphrase",
    b"authorization",
    b"secret",
    b"cookie",
    b"apikey",
    b"accesskey",
    b"privatekey",
    b"credential",
    b"cardnumber",
];

/// A name that ends in one of these: `access_token`, but neither `token_count` nor `input_tokens`.
const AT_THE_END: [&[u8]; 4] = [b"token", b"jwt", b"cvv", b"cvc"];

/// Longer names than this are looked at up to here, in bytes.
const MAX_NAME: usize = 64;

/// True for `password`, `http.request.header.authorization`, `x-api-key`, `accessToken` and the like.
pub(super) fn name_a_secret(name: &str) -> bool {
    let mut letters = [0; MAX_NAME];
    let mut len = 0;
    for byte in name
        .bytes()
        .filter(u8::is_ascii_alphanumeric)
        .take(MAX_NAME)
    {
        letters[len] = byte.to_ascii_lowercase();
        len += 1;
    }
    let letters = &letters[..len];
    AT_THE_END.iter().any(|word| letters.ends_with(word)) || has_any(letters)
}

fn has_any(letters: &[u8]) -> bool {
    (0..letters.len()).any(|at| {
        // Most letters begin none of the words.
        let here = &letters[at..];
        matches!(
            here,
            [b'p', b'a' | b'r', ..]
                | [b'a', b'u' | b'p' | b'c', ..]
                | [b's', b'e', ..]
                | [b'c', b'o' | b'r' | b'a', ..]
        ) && ANYWHERE.iter().any(|word| here.starts_with(word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_found_anywhere() {
        for word in ANYWHERE {
            assert!(has_any(&[b"xa", word, b"z"].concat()), "{word:?}");
        }
    }

    #[test]
    fn names_of_secrets_are_told_from_others() {
        for name in [
            "password",
            "db.Password",
            "user_passwd_hash",
            "http.request.header.authorization",
            "Set-Cookie",
            "cookie",
            "x-api-key",
            "apiKey",
            "aws_secret_access_key",
            "client_secret",
            "token",
            "accessToken",
            "csrf-token",
            "card.number",
            "cvv",
        ] {
            assert!(name_a_secret(name), "{name}");
        }
        for name in [
            "",
            "cart",
            "token_count",
            "gen_ai.usage.input_tokens",
            "tokenizer",
            "passed",
            "pass",
            "author",
            "accession",
            "highlight.session_id",
            "card_type",
            &"x".repeat(10_000),
        ] {
            assert!(!name_a_secret(name), "{name}");
        }
    }
}
