//! What signs a message, so that its receiver knows that it comes from here, unchanged and just now: the convention of
//! Standard Webhooks, which most receivers have a library for.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use sha2::Sha256;

/// `whsec_` and 192 random bits in base64. Shown to a person once, when it is made.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

const PREFIX: &str = "whsec_";

impl Secret {
    pub fn of(random: [u8; 24]) -> Secret {
        Secret(format!("{PREFIX}{}", BASE64_STANDARD.encode(random)))
    }

    pub(super) fn stored(text: String) -> Secret {
        Secret(text)
    }

    /// For the person who made it, and for the database, which must hold it to sign.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// `v1,` and the signature of a message in base64.
    pub(super) fn sign(&self, id: &str, at: Timestamp, body: &str) -> String {
        let key = BASE64_STANDARD.decode(self.0.trim_start_matches(PREFIX)).unwrap_or_default();
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key) else { unreachable!("a key may have any length") };
        mac.update(format!("{id}.{}.", at.as_second()).as_bytes());
        mac.update(body.as_bytes());
        format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example that the convention itself gives.
    #[test]
    fn it_signs_as_the_convention_says() {
        let secret = Secret::stored("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned());
        let at = Timestamp::from_second(1_614_265_330).unwrap();
        let signature = secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", at, r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn it_is_shown_to_nobody_by_accident() {
        let secret = Secret::of([7; 24]);
        assert_eq!(secret.reveal().len(), PREFIX.len() + 32);
        assert_eq!(format!("{secret:?}"), "Secret(…)");
    }
}
