//! The handshake of our client with our server against scripts: see `taut::wire::tls::fuzzing`.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use taut::wire::tls::{ClientTls, ServerTls, TlsMode, Trust, fuzzing};

static SIDES: LazyLock<(ClientTls, ServerTls)> = LazyLock::new(|| {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("it is made");
    let (certificate, key) = (made.cert.der().to_vec(), made.signing_key.serialize_der());
    let client = ClientTls::new(Trust::Der(vec![certificate.clone()]), TlsMode::RecordLayer);
    let server = ServerTls::new(vec![certificate], key, TlsMode::RecordLayer);
    (client.expect("it is trusted"), server.expect("it is ours"))
});

fuzz_target!(|script: &[u8]| fuzzing::handshake(script, &SIDES.0, &SIDES.1));
