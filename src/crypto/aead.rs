//! AES-256-GCM and ChaCha20-Poly1305, in place and with a context that outlives the packet.

use openssl::cipher::{Cipher, CipherRef};
use openssl::cipher_ctx::CipherCtx;
use openssl::error::ErrorStack;

use super::secret::Secret;

/// Bytes of a nonce.
pub(super) const NONCE: usize = 12;
/// Bytes of an authentication tag.
pub(super) const TAG: usize = 16;

/// A keyed AEAD cipher; only the nonce changes from packet to packet.
pub(super) struct Aead(CipherCtx);

impl Aead {
    pub(super) fn aes_gcm(key: &Secret) -> Result<Self, ErrorStack> {
        Self::new(Cipher::aes_256_gcm(), key)
    }

    pub(super) fn chacha20_poly1305(key: &Secret) -> Result<Self, ErrorStack> {
        Self::new(Cipher::chacha20_poly1305(), key)
    }

    fn new(cipher: &CipherRef, key: &Secret) -> Result<Self, ErrorStack> {
        let mut context = CipherCtx::new()?;
        context.encrypt_init(Some(cipher), Some(key.as_bytes()), None)?;
        Ok(Self(context))
    }

    /// Encrypts `body` and writes the tag over it and over the parts of `bound`.
    pub(super) fn seal(
        &mut self,
        nonce: [u8; NONCE],
        bound: &[&[u8]],
        body: &mut [u8],
        tag: &mut [u8],
    ) -> Result<(), ErrorStack> {
        self.0.encrypt_init(None, None, Some(&nonce))?;
        self.absorb(bound, body)?;
        self.0.cipher_final(&mut [])?;
        self.0.tag(tag)
    }

    /// Decrypts `body`, then checks the tag: the body is not to be looked at before `Ok`.
    pub(super) fn open(
        &mut self,
        nonce: [u8; NONCE],
        bound: &[&[u8]],
        body: &mut [u8],
        tag: &[u8],
    ) -> Result<(), ErrorStack> {
        self.0.decrypt_init(None, None, Some(&nonce))?;
        self.absorb(bound, body)?;
        self.0.set_tag(tag)?;
        self.0.cipher_final(&mut []).map(drop)
    }

    fn absorb(&mut self, bound: &[&[u8]], body: &mut [u8]) -> Result<(), ErrorStack> {
        for part in bound {
            self.0.cipher_update(part, None)?;
        }
        let length = body.len();
        self.0.cipher_update_inplace(body, length).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::hex;

    fn key(text: &str) -> Secret {
        Secret::from_bytes(hex(text).try_into().expect("32 bytes"))
    }

    fn check(mut aead: Aead, nonce: &str, bound: &str, plain: &[u8], sealed: &str, tag: &str) {
        let (nonce, bound) = (hex(nonce).try_into().expect("12 bytes"), hex(bound));
        // Twice with one context: what the first packet leaves behind must not matter.
        for _ in 0..2 {
            let (mut body, mut made) = (plain.to_vec(), [0; TAG]);
            aead.seal(nonce, &[&bound[..3], &bound[3..]], &mut body, &mut made).expect("sealed");
            assert_eq!((&body, made.to_vec()), (&hex(sealed), hex(tag)));
            aead.open(nonce, &[&bound], &mut body, &made).expect("opened");
            assert_eq!(body, plain);
            made[15] ^= 1;
            assert!(aead.open(nonce, &[&bound], &mut body, &made).is_err());
        }
    }

    // CR-18: "The Galois/Counter Mode of Operation", appendix B, test case 16.
    #[test]
    fn aes_gcm_gives_what_its_specification_says() {
        let key = key("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
        check(
            Aead::aes_gcm(&key).expect("a context"),
            "cafebabefacedbaddecaf888",
            "feedfacedeadbeeffeedfacedeadbeefabaddad2",
            &hex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72
                  1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"),
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa
             8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
            "76fc6ece0f4e1768cddf8853bb2d551b",
        );
    }

    // CR-18: RFC 8439 section 2.8.2.
    #[test]
    fn chacha20_poly1305_gives_what_rfc_8439_says() {
        let key = key("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
        check(
            Aead::chacha20_poly1305(&key).expect("a context"),
            "070000004041424344454647",
            "50515253c0c1c2c3c4c5c6c7",
            b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for \
              the future, sunscreen would be it.",
            "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6
             3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36
             92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc
             3ff4def08e4b7a9de576d26586cec64b6116",
            "1ae10b594f09e26a7e902ecbd0600691",
        );
    }
}
