use super::harness::*;
use crate::Service;
use crate::gateway::Market;

#[test]
fn each_service_has_sessions_and_numbers_of_its_own() {
    let mut world = World::new();
    let mut peers = Vec::new();
    for service in Service::ALL {
        let spot = service.market() == Market::Spot;
        peers.push(world.logon(if spot { "TAUT" } else { "TAUT_DRV" }, service));
    }
    assert_eq!(world.venue.stats().sessions_up, 6);
    for peer in &mut peers {
        let answer = &world.send(peer, "1|112=x|")[0];
        let target = format!("0 2 {} x", peer.service.comp_id());
        assert_eq!(values(answer, &[35, 34, 49, 112]), target);
    }
}

#[test]
fn a_comp_id_of_the_other_market_or_service_gets_no_word() {
    let mut world = World::new();
    for (sender, service) in
        [("TAUT", Service::DerivativesTrading), ("TAUT_DRV", Service::SpotTrading)]
    {
        let body = world.logon_body(sender, service, 1, "141=Y|");
        let (id, answers) = world.try_logon(service, &body);
        assert!(answers.is_empty() && world.venue.should_close(id), "{sender} on {service:?}");
    }
    for service in Service::ALL {
        let sender = if service.market() == Market::Spot { "TAUT" } else { "TAUT_DRV" };
        for other in Service::ALL.map(Service::comp_id) {
            if other == service.comp_id() {
                continue;
            }
            let body = world.logon_body(sender, service, 1, "141=Y|");
            let body = body.replace(&format!("56={}|", service.comp_id()), &format!("56={other}|"));
            let (id, answers) = world.try_logon(service, &body);
            assert!(answers.is_empty() && world.venue.should_close(id), "{other} on {service:?}");
        }
    }
}

#[test]
fn derivatives_take_uuids_only() {
    let mut world = World::new();
    let mut peer = world.logon("TAUT_DRV", Service::DerivativesTrading);
    let time = world.time();
    let order = format!("D|11=17|18=s|38=0.1|40=2|44=1000|54=1|55=PF_ETHUSD|59=1|60={time}|");
    let answers = world.send(&mut peer, &order);
    let expected = "3 11 D 5 COMB UUIDv4 required for ClOrdID on derivatives";
    assert_eq!(values(&answers[0], &[35, 371, 372, 373, 58]), expected);
}
