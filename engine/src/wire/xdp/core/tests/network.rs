use super::*;

fn ether_type(frame: &[u8]) -> [u8; 2] {
    [frame[12], frame[13]]
}

const ARP: [u8; 2] = [8, 6];
const IPV4: [u8; 2] = [8, 0];

#[test]
fn a_neighbour_is_asked_for_its_address_before_anything_is_sent_to_it() {
    let mut world = World::new(1500);
    world.ends[1].listen(new_socket(), PORT).unwrap();
    let to = SocketAddrV4::new(FAR, PORT);
    world.ends[0].connect(new_socket(), to, world.now).unwrap();
    let mut kinds = vec![];
    while kinds.len() < 3 {
        world.round(|from, frame, arrives| {
            if from == 0 {
                kinds.push(ether_type(&frame));
                assert_eq!(frame[..6] == [0xff; 6], kinds.len() == 1, "a broadcast first");
            }
            arrives.push(frame);
        });
    }
    assert_eq!(kinds, [ARP, IPV4, IPV4]);
}

#[test]
fn a_question_that_was_lost_is_asked_again() {
    let mut world = World::new(1500);
    let there = world.ends[1].listen(new_socket(), PORT).unwrap();
    let to = SocketAddrV4::new(FAR, PORT);
    world.ends[0].connect(new_socket(), to, world.now).unwrap();
    let mut lost = 0;
    while world.ends[1].state(there) != State::Established {
        assert!(lost < 100);
        world.round(|_, frame, arrives| if lost < 3 { lost += 1 } else { arrives.push(frame) });
    }
    assert_eq!(lost, 3);
}

#[test]
fn the_gateway_is_known_before_it_is_needed_and_asked_again_in_time() {
    let gateway = FAR;
    let mut world = World::with(1500, [identity(NEAR, Some(gateway)), identity(gateway, None)]);
    let mut asked = vec![];
    let start = world.now;
    while world.now - start < Duration::from_secs(200) {
        world.round(|from, frame, arrives| {
            if from == 0 {
                assert_eq!(ether_type(&frame), ARP);
                assert_eq!(frame[38..42], gateway.octets());
                asked.push(frame);
            } else {
                arrives.push(frame);
                return;
            }
            arrives.push(asked[asked.len() - 1].clone());
        });
    }
    assert_eq!(asked.len(), 10, "every 20 s of 200 s");
    // A host of another network is sent to at once, by the gateway's hardware address.
    let to = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 9), 443);
    world.ends[0].connect(new_socket(), to, world.now).unwrap();
    let mut first = vec![];
    while first.is_empty() {
        world.round(|_, frame, _| {
            if ether_type(&frame) == IPV4 {
                first = frame;
            } else {
                assert_eq!(frame[38..42], gateway.octets(), "only the usual question");
            }
        });
    }
    assert_eq!(first[..6], identity(gateway, None).mac);
    assert_eq!(first[30..34], to.ip().octets());
}

#[test]
fn another_network_without_a_gateway_is_unreachable() {
    let mut world = World::new(1500);
    let to = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 9), 443);
    let error = world.ends[0].connect(new_socket(), to, world.now).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NetworkUnreachable);
}

#[test]
fn an_address_that_no_host_can_have_is_refused() {
    let bad = [
        Identity { address: Ipv4Addr::UNSPECIFIED, ..identity(NEAR, None) },
        Identity { address: Ipv4Addr::BROADCAST, ..identity(NEAR, None) },
        Identity { address: Ipv4Addr::new(224, 0, 0, 1), ..identity(NEAR, None) },
        Identity { prefix: 0, ..identity(NEAR, None) },
        Identity { prefix: 33, ..identity(NEAR, None) },
        identity(NEAR, Some(Ipv4Addr::new(10, 0, 1, 1))),
        identity(NEAR, Some(NEAR)),
    ];
    for identity in bad {
        let cable = Cable { inward: Queue::default(), outward: Queue::default(), mtu: 1500 };
        let made = Core::new(cable, identity, Instant::ZERO);
        assert!(matches!(made, Err(XdpError::Address(_))), "{identity:?}");
    }
}

#[test]
fn frames_that_nobody_should_send_do_no_harm() {
    let mut world = World::new(1500);
    let [here, there] = world.connected();
    let mut random = fastrand::Rng::with_seed(5);
    let mut seen: Vec<Vec<u8>> = vec![];
    let mut got = vec![];
    for round in 0..3000_u32 {
        world.send(0, here, &round.to_be_bytes());
        world.round(|from, frame, arrives| {
            if seen.len() < 50 {
                seen.push(frame.clone());
            }
            // Old frames, with a byte changed or cut short, and noise.
            if from == 0 {
                let mut bad = seen[random.usize(..seen.len())].clone();
                let at = random.usize(..bad.len());
                bad[at] ^= 1 << random.u8(..8);
                arrives.push(bad.clone());
                bad.truncate(random.usize(..bad.len()));
                arrives.push(bad);
                arrives.push((0..random.usize(..100)).map(|_| random.u8(..)).collect());
            }
            arrives.push(frame);
        });
        got.extend(world.receive(1, there).unwrap());
    }
    world.until(|world| {
        got.extend(world.receive(1, there).unwrap());
        got.len() == 12_000
    });
    let wanted: Vec<u8> = (0..3000_u32).flat_map(u32::to_be_bytes).collect();
    assert!(got == wanted);
}
