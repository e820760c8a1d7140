use super::*;

#[test]
fn an_orderly_end_comes_after_the_last_bytes_and_the_other_direction_goes_on() {
    let mut world = World::new(1500);
    let [here, there] = world.connected();
    world.send(0, here, b"last words");
    let now = world.now;
    world.ends[0].shut_down(here, now);
    assert_eq!(world.ends[0].transmit(here, b"x", now), Err(WireError::Reset));
    assert_eq!(world.drain(1, there), (b"last words".to_vec(), WireError::Closed));
    world.send(1, there, b"answer");
    let now = world.now;
    world.ends[1].shut_down(there, now);
    assert_eq!(world.drain(0, here), (b"answer".to_vec(), WireError::Closed));
}

#[test]
fn a_lost_fin_is_sent_again() {
    let mut world = World::new(1500);
    let [here, there] = world.connected();
    let now = world.now;
    world.ends[0].shut_down(here, now);
    world.round(|_, _, _| ());
    assert_eq!(world.drain(1, there), (vec![], WireError::Closed));
}

#[test]
fn a_reset_is_not_an_end_and_comes_after_what_was_received() {
    let mut world = World::new(1500);
    let [here, there] = world.connected();
    world.send(0, here, b"whole");
    let mut frames = 4;
    world.until(|_| {
        frames -= 1;
        frames == 0
    });
    let now = world.now;
    world.ends[0].abort(here, now);
    assert_eq!(world.drain(1, there), (b"whole".to_vec(), WireError::Reset));
    assert_eq!(world.ends[1].transmit(there, b"x", world.now), Err(WireError::Reset));
    assert_eq!(world.receive(0, here), Err(WireError::Reset));
}

#[test]
fn nobody_listening_refuses_the_connection() {
    let mut world = World::new(1500);
    let to = SocketAddrV4::new(FAR, PORT);
    let here = world.ends[0].connect(new_socket(), to, world.now).unwrap();
    world.until(|world| world.ends[0].state(here) == State::Closed);
}

#[test]
fn an_owner_that_goes_without_reading_resets() {
    let mut world = World::new(1500);
    let [here, there] = world.connected();
    world.send(1, there, b"never read");
    let mut rounds = 4;
    world.until(|_| {
        rounds -= 1;
        rounds == 0
    });
    let now = world.now;
    world.ends[0].release(here, now);
    assert_eq!(world.drain(1, there), (vec![], WireError::Reset));
}

#[test]
fn bytes_for_an_owner_that_has_gone_are_answered_by_a_reset() {
    let mut world = World::new(1500);
    let [here, there] = world.connected();
    let now = world.now;
    world.ends[0].release(here, now);
    assert_eq!(world.drain(1, there), (vec![], WireError::Closed));
    world.send(1, there, b"nobody is there");
    world.until(|world| world.ends[1].state(there) == State::Closed);
    assert_eq!(world.ends[1].transmit(there, b"x", world.now), Err(WireError::Reset));
}

#[test]
fn what_was_taken_is_sent_although_the_owner_has_gone() {
    let mut world = World::new(1500);
    let [here, there] = world.connected();
    world.send(0, here, &[5; 100_000]);
    let now = world.now;
    world.ends[0].release(here, now);
    assert!(world.ends[0].lingers());
    assert_eq!(world.drain(1, there), (vec![5; 100_000], WireError::Closed));
    let now = world.now;
    world.ends[1].release(there, now);
    world.until(|world| !world.ends[0].lingers() && !world.ends[1].lingers());
}

#[test]
fn an_owner_that_has_gone_does_not_wait_for_a_silent_peer_for_ever() {
    let mut world = World::new(1500);
    let [here, _] = world.connected();
    let now = world.now;
    world.ends[0].release(here, now);
    let mut ended = vec![];
    while ended.is_empty() {
        assert!(world.now - now < ORPHAN_LIFE * 2);
        world.round(|_, _, _| ());
        world.ends[0].sweep(&mut ended);
    }
    assert!(world.now - now >= ORPHAN_LIFE);
}

#[test]
fn a_peer_that_is_not_heard_of_for_a_minute_is_given_up() {
    let mut world = World::new(1500);
    let [here, _] = world.connected();
    // That nobody has anything to say is no fault.
    let silent = world.now;
    while world.now - silent < Duration::from_secs(600) {
        world.round(|_, frame, arrives| arrives.push(frame));
    }
    assert_eq!(world.receive(0, here), Ok(vec![]));
    world.send(0, here, b"anybody there?");
    let start = world.now;
    while world.receive(0, here) == Ok(vec![]) {
        world.round(|_, _, _| ());
    }
    assert_eq!(world.receive(0, here), Err(WireError::Reset));
    let seconds = (world.now - start).secs();
    assert!((45..75).contains(&seconds), "{seconds} s");
}

#[test]
fn connections_come_and_go_for_ever_and_one_too_many_is_refused() {
    let mut world = World::new(1500);
    for _ in 0..3 * XDP_CONNECTIONS {
        for end in &mut world.ends {
            end.sweep(&mut vec![]);
        }
        let handles = world.connected();
        let now = world.now;
        for end in [0, 1] {
            world.ends[end].release(handles[end], now);
        }
        let mut rounds = 6;
        world.until(|_| {
            rounds -= 1;
            rounds == 0
        });
    }
    let mut stack = World::new(1500).ends.into_iter().next().unwrap();
    for port in 0..XDP_CONNECTIONS {
        stack.listen(new_socket(), 1000 + port as u16).unwrap();
    }
    let error = stack.listen(new_socket(), 999).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::QuotaExceeded);
}
