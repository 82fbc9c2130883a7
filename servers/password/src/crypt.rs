//! Comparing a password with what `crypt` made of one.

use sha_crypt::{PasswordVerifier, ShaCrypt};

/// Against which passwords of accounts that do not exist are compared: no password is known to make
/// it.
const NOBODYS: &str = "$6$0123456789abcdef$\
    ......................................................................................";

/// Whether `password` opens an account whose password field is `field`: any password does for an
/// empty field; for `$5$` and `$6$` (SHA-256 and SHA-512 in rounds) the one it was made of; none for
/// anything else, such as `*` and `!`.
///
/// The time that it takes says nothing about how far the passwords are alike, and for fields that
/// nothing matches it is that of the usual hash.
pub fn opens(field: &[u8], password: &[u8]) -> bool {
    if field.is_empty() {
        return true;
    }
    let hash = core::str::from_utf8(field)
        .ok()
        .filter(|hash| hash.starts_with("$5$") || hash.starts_with("$6$"));
    let Some(hash) = hash else {
        never(password);
        return false;
    };
    ShaCrypt::default().verify_password(password, hash).is_ok()
}

/// Takes as long as a comparison with the usual hash.
pub fn never(password: &[u8]) {
    core::hint::black_box(
        ShaCrypt::default()
            .verify_password(password, NOBODYS)
            .is_ok(),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    // Made by the C library of another system.
    const KNOWN: &[(&str, &str)] = &[
        (
            "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5",
            "Hello world!",
        ),
        (
            "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEd\
             FCoEOfaS35inz1",
            "Hello world!",
        ),
        (
            "$5$rounds=1400$anotherlongsalts$3qrvGONjJLD3nbbdMqiPU3HEkZj9mKxTAR68T172Rv9",
            "Hello world!",
        ),
        (
            "$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0D\
             p8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v.",
            "Hello world!",
        ),
        (
            "$6$saltstring$t389DMhSoo4E0ZoBwi6pljSVVV2g3aqHWf0TDNhYgN8bq.ZZvSs36oL5OhBAJhEa0qstQyuX\
             VFSHD/d.cFQMw0",
            "*200",
        ),
    ];
    #[test]
    fn the_right_password_opens_and_others_do_not() {
        for (hash, password) in KNOWN {
            let password = password.replace("*200", &"x".repeat(200));
            assert!(opens(hash.as_bytes(), password.as_bytes()), "{hash}");
            for wrong in ["", "hello world!", "Hello world!!", "Hello world"] {
                assert!(!opens(hash.as_bytes(), wrong.as_bytes()), "{hash} {wrong}");
            }
        }
    }

    #[test]
    fn an_empty_field_asks_for_no_password() {
        assert!(opens(b"", b"") && opens(b"", b"anything"));
    }

    #[test]
    fn nothing_opens_locked_fields_and_unknown_or_broken_ones() {
        let locked = std::format!("!{}", KNOWN[1].0);
        let fields: &[&[u8]] = &[
            b"*",
            b"!",
            b"!!",
            b"x",
            b"*LK*",
            locked.as_bytes(),
            b"Hello world!",
            b"abJnggxhB/yWI",
            b"$1$saltstri$YMyguxXMBpd2TEZ.vS/3q1",
            b"$5$",
            b"$6$$",
            b"$6$saltstring$",
            b"$6$saltstring$svn8UoSV",
            b"$6$rounds=0$saltstring$svn8UoSV",
            b"$6$rounds=99999999999999999999$a$b",
            b"$6$\xff\xfe$",
            NOBODYS.as_bytes(),
        ];
        for field in fields {
            for password in [&b""[..], b"Hello world!", b"*", b"!", b"x"] {
                assert!(!opens(field, password), "{}", field.escape_ascii());
            }
        }
    }
}
