//! Project Wycheproof's vectors for what is computed here: Ed25519 signatures, and whether points are on their curves.

use avatar_credentials::base64url;
use avatar_credentials::json::{Object, Value};
use avatar_credentials::keys::{KeyKind, PublicKey, verify};
use wycheproof::{TestResult, ecdh, eddsa};

#[test]
fn ed25519_signatures_are_judged_as_wycheproof_judges_them() {
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).expect("the vectors");
    let mut count = 0;
    for group in set.test_groups {
        let key: [u8; 32] = group.key.pk.as_ref().try_into().expect("32 bytes");
        for test in group.tests {
            let signature = <&[u8; 64]>::try_from(test.sig.as_ref());
            let verifies = signature.is_ok_and(|signature| verify(&key, &test.msg, signature));
            assert_eq!(
                verifies,
                test.result == TestResult::Valid,
                "{}: {}",
                test.tc_id,
                test.comment
            );
            count += 1;
        }
    }
    assert!(count > 100);
}

/// An uncompressed point is what a JSON Web Key holds, a compressed one what a multikey holds.
#[test]
fn points_are_taken_only_if_they_are_on_their_curve() {
    for (name, kind, curve) in [
        (ecdh::TestName::EcdhSecp256r1Ecpoint, KeyKind::P256, "P-256"),
        (ecdh::TestName::EcdhSecp384r1Ecpoint, KeyKind::P384, "P-384"),
        (ecdh::TestName::EcdhSecp521r1Ecpoint, KeyKind::P521, "P-521"),
    ] {
        let set = ecdh::TestSet::load(name).expect("the vectors");
        let (mut taken, mut refused) = (0, 0);
        for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
            let point: &[u8] = &test.public_key;
            let parsed = match point.split_first() {
                Some((4, coordinates)) if coordinates.len() % 2 == 0 => {
                    let (x, y) = coordinates.split_at(coordinates.len() / 2);
                    let jwk = Object::from([
                        ("kty", Value::from("EC")),
                        ("crv", curve.into()),
                        ("x", base64url::encode(x).into()),
                        ("y", base64url::encode(y).into()),
                    ]);
                    let key = PublicKey::from_jwk(&jwk);
                    if let Ok(key) = &key {
                        assert_eq!(Value::from(key.to_jwk()), Value::from(jwk), "{}", test.tc_id);
                    }
                    key
                }
                _ => PublicKey::new(kind, point),
            };
            // Vectors are acceptable where their point is compressed, which some libraries do not read.
            assert_eq!(
                parsed.is_ok(),
                test.result != TestResult::Invalid,
                "{}: {}",
                test.tc_id,
                test.comment
            );
            if parsed.is_ok() { taken += 1 } else { refused += 1 }
        }
        assert!(taken > 50 && refused > 5, "{taken} {refused}");
    }
}
