//! AES-256-CTR, then HMAC-SHA1 over the ciphertext: the paper's cipher and MAC.

use openssl::cipher::Cipher;
use openssl::cipher_ctx::CipherCtx;
use openssl::error::ErrorStack;
use openssl::sha::Sha1;

use super::hmac::Hmac;
use super::secret::Secret;

/// Bytes of a counter block.
const BLOCK: usize = 16;
/// Bytes of a MAC.
pub(super) const MAC: usize = 20;

/// A keyed cipher and a keyed MAC; only the first counter block changes from packet to packet.
pub(super) struct CtrHmac {
    cipher: CipherCtx,
    mac: Hmac<Sha1>,
}

impl CtrHmac {
    /// `bound` is authenticated before everything else in every packet.
    pub(super) fn new(
        cipher_key: &Secret,
        mac_key: &Secret,
        bound: &[u8],
    ) -> Result<Self, ErrorStack> {
        let mut cipher = CipherCtx::new()?;
        cipher.encrypt_init(Some(Cipher::aes_256_ctr()), Some(cipher_key.as_bytes()), None)?;
        let mut mac = Hmac::new(mac_key.as_bytes());
        mac.prefix(bound);
        Ok(Self { cipher, mac })
    }

    /// Encrypts or decrypts, which in counter mode is the same.
    pub(super) fn apply(&mut self, start: [u8; BLOCK], body: &mut [u8]) -> Result<(), ErrorStack> {
        self.cipher.encrypt_init(None, None, Some(&start))?;
        let length = body.len();
        self.cipher.cipher_update_inplace(body, length).map(drop)
    }

    /// The MAC over header and ciphertext.
    pub(super) fn mac(&self, header: &[u8], body: &[u8]) -> [u8; MAC] {
        self.mac.compute(&[header, body])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::hex;

    // CR-18: NIST SP 800-38A, F.5.5 and F.5.6.
    #[test]
    fn aes_256_ctr_gives_what_sp_800_38a_says() {
        let key = hex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4");
        let key = Secret::from_bytes(key.try_into().expect("32 bytes"));
        let start = hex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff").try_into().expect("16 bytes");
        let plain = hex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51
                         30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710");
        let sealed = hex("601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5
                          2b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6");
        let mut means = CtrHmac::new(&key, &key, b"").expect("a context");
        for _ in 0..2 {
            let mut body = plain.clone();
            means.apply(start, &mut body).expect("encrypted");
            assert_eq!(body, sealed);
            means.apply(start, &mut body).expect("decrypted");
            assert_eq!(body, plain);
        }
    }
}
