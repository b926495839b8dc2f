//! The primitives that this crate builds upon, in the versions and features that it has: Project Wycheproof's vectors, and those of the specifications that
//! Wycheproof has none for.

use argon2::{Algorithm, Argon2, AssociatedData, ParamsBuilder, Version};
use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, KeyInit, XChaCha20Poly1305};
use ed25519_dalek::{Signature, VerifyingKey};
use hkdf::Hkdf;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use wycheproof::{TestResult, aead, eddsa, hkdf as hkdf_vectors, mac, xdh};
use x25519_dalek::{PublicKey, StaticSecret};

/// Encrypts and decrypts each vector of an AEAD with nonces of one length; returns how many there were.
fn check_aead<C: AeadInOut + KeyInit>(name: aead::TestName, nonce_bytes: usize) -> usize {
    let set = aead::TestSet::load(name).expect("Wycheproof's own data");
    let mut count = 0;
    for (group, test) in set
        .test_groups
        .iter()
        .flat_map(|group| group.tests.iter().map(move |test| (group, test)))
    {
        // Nonces of other lengths cannot even be given to it.
        if group.nonce_size != nonce_bytes * 8 {
            assert_eq!(test.result, TestResult::Invalid);
            continue;
        }
        count += 1;
        let cipher = C::new_from_slice(&test.key).expect("keys of 32 bytes");
        let nonce = test.nonce[..].try_into().expect("a nonce of its length");
        let tag = test.tag[..].try_into().expect("a tag of 16 bytes");
        let mut content = test.ct.to_vec();
        let opened = cipher.decrypt_inout_detached(nonce, &test.aad, content.as_mut_slice().into(), tag);
        assert_eq!(opened.is_ok(), test.result == TestResult::Valid, "{}", test.tc_id);
        if test.result == TestResult::Valid {
            assert_eq!(content, test.pt[..]);
            let made = cipher.encrypt_inout_detached(nonce, &test.aad, content.as_mut_slice().into());
            assert_eq!(made.expect("short enough")[..], test.tag[..]);
            assert_eq!(content, test.ct[..]);
        }
    }
    count
}

#[test]
fn wycheproof_xchacha20_poly1305() {
    assert!(check_aead::<XChaCha20Poly1305>(aead::TestName::XChaCha20Poly1305, 24) > 200);
}

#[test]
fn wycheproof_chacha20_poly1305() {
    assert!(check_aead::<ChaCha20Poly1305>(aead::TestName::ChaCha20Poly1305, 12) > 200);
}

#[test]
fn wycheproof_x25519() {
    let set = xdh::TestSet::load(xdh::TestName::X25519).expect("Wycheproof's own data");
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let secret: [u8; 32] = test.private_key[..].try_into().expect("32 bytes");
        let Ok(public) = <[u8; 32]>::try_from(&test.public_key[..]) else {
            assert_eq!(test.result, TestResult::Invalid);
            continue;
        };
        let shared = StaticSecret::from(secret).diffie_hellman(&PublicKey::from(public));
        assert_eq!(shared.as_bytes()[..], test.shared_secret[..], "{}", test.tc_id);
        // What this crate refuses: results that every secret would come to.
        let is_zero = test.flags.contains(&xdh::TestFlag::ZeroSharedSecret);
        assert_eq!(shared.was_contributory(), !is_zero, "{}", test.tc_id);
    }
}

#[test]
fn wycheproof_hkdf_sha_256() {
    let set = hkdf_vectors::TestSet::load(hkdf_vectors::TestName::HkdfSha256).expect("Wycheproof's own data");
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let mut derived = vec![0; test.size];
        let result = Hkdf::<Sha256>::new(Some(&test.salt), &test.ikm).expand(&test.info, &mut derived);
        assert_eq!(result.is_ok(), test.result == TestResult::Valid, "{}", test.tc_id);
        if result.is_ok() {
            assert_eq!(derived, test.okm[..], "{}", test.tc_id);
        }
    }
}

#[test]
fn wycheproof_hmac_sha_256() {
    let set = mac::TestSet::load(mac::TestName::HmacSha256).expect("Wycheproof's own data");
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&test.key).expect("keys of any length");
        mac.update(&test.msg);
        let is_good = mac.verify_truncated_left(&test.tag).is_ok();
        assert_eq!(is_good, test.result == TestResult::Valid, "{}", test.tc_id);
    }
}

/// All that Wycheproof has; that keys of small order are refused as well, as `verify_strict` does, is not among it.
#[test]
fn wycheproof_ed25519() {
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).expect("Wycheproof's own data");
    for group in &set.test_groups {
        let key = group.key.pk[..].try_into().expect("32 bytes");
        let key = VerifyingKey::from_bytes(&key).expect("a key");
        for test in &group.tests {
            let signature = Signature::from_slice(&test.sig);
            let is_good = signature.is_ok_and(|signature| key.verify_strict(&test.msg, &signature).is_ok());
            assert_eq!(is_good, test.result == TestResult::Valid, "{}", test.tc_id);
        }
    }
}

#[test]
fn keys_of_small_order_sign_nothing() {
    // The neutral element, under which a signature of zeros would be one of every message.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let mut signature = [0; 64];
    signature[0] = 1;
    let key = VerifyingKey::from_bytes(&neutral).expect("a point");
    assert!(
        key.verify_strict(b"anything", &Signature::from_bytes(&signature))
            .is_err()
    );
}

/// RFC 9106, section 5.3; and one of the reference implementation's, with one lane and no secret.
#[test]
fn the_vectors_of_argon2id() {
    let mut tag = [0; 32];
    let params = ParamsBuilder::new()
        .m_cost(32)
        .t_cost(3)
        .p_cost(4)
        .data(AssociatedData::new(&[4; 12]).expect("short enough"))
        .build()
        .expect("within bounds");
    Argon2::new_with_secret(&[3; 8], Algorithm::Argon2id, Version::V0x13, params.clone())
        .expect("short enough")
        .hash_password_into_with_memory(
            &[1; 32],
            &[2; 16],
            &mut tag,
            vec![argon2::Block::new(); params.block_count()],
        )
        .expect("within bounds");
    assert_eq!(
        hex(&tag),
        "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659"
    );

    let params = argon2::Params::new(256, 2, 1, Some(32)).expect("within bounds");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone())
        .hash_password_into_with_memory(
            b"password",
            b"somesalt",
            &mut tag,
            vec![argon2::Block::new(); params.block_count()],
        )
        .expect("within bounds");
    assert_eq!(
        hex(&tag),
        "9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe"
    );
}

/// RFC 7914, section 12.
#[test]
fn the_vectors_of_scrypt() {
    for (passphrase, salt, log_n, r, p, expected) in [
        (
            "",
            "",
            4,
            1,
            1,
            "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906",
        ),
        (
            "password",
            "NaCl",
            10,
            8,
            16,
            "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640",
        ),
    ] {
        let mut key = [0; 64];
        let params = scrypt::Params::new(log_n, r, p).expect("within bounds");
        scrypt::scrypt(passphrase.as_bytes(), salt.as_bytes(), &params, &mut key).expect("64 bytes");
        assert_eq!(hex(&key), expected);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
