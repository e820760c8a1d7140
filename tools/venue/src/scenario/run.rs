//! Playing a scenario.

use std::collections::BTreeMap;
use std::time::Duration;

use taut_codec::value::UtcTime;

use super::expect::{self, Finding, Received};
use super::link::{Link, LinkError, Peer};
use super::raw::raw;
use super::report::{LineReport, Outcome, Report};
use super::values::Values;
use super::{Field, Line, Scenario, Step};
use crate::gateway::Service;

/// How long a message may take, and how long none has to come.
const PATIENCE: Duration = Duration::from_secs(5);
const SILENCE: Duration = Duration::from_millis(200);
/// Most of one answer that is waited for piece by piece.
const PIECES_MAX: usize = 10_000;

/// Plays a scenario with a venue that is what it is: one that needs a configuration of its own is skipped.
pub fn run_as_it_is(scenario: &Scenario, link: &mut dyn Link) -> Report {
    if scenario.config.is_empty() {
        return run(scenario, link);
    }
    let why = "it needs a venue with a configuration of its own".into();
    let outcome = Outcome::Skipped { from: scenario.line, why };
    let Scenario { file, title, .. } = scenario;
    Report { file: file.clone(), title: title.clone(), outcome, lines: Vec::new() }
}

/// Plays a scenario to its first line that is not as expected.
pub fn run(scenario: &Scenario, link: &mut dyn Link) -> Report {
    let says = |word: &str| {
        let is = |line: &Line| matches!(&line.step, Step::Control(words) if words == &[word]);
        scenario.steps.iter().any(is)
    };
    let mut player = Player {
        link,
        values: Values::default(),
        sessions: BTreeMap::new(),
        nonce: 0,
        others_trade: !says("alone"),
        is_fresh: says("fresh"),
    };
    let mut lines = Vec::new();
    let mut outcome = Outcome::Passed;
    for line in &scenario.steps {
        let (findings, message) = match player.step(line) {
            Ok(()) => {
                lines.push(LineReport::good(line));
                continue;
            }
            Err(Trouble::Link(LinkError::Unsupported(why))) => {
                outcome = Outcome::Skipped { from: line.number, why };
                break;
            }
            Err(Trouble::Link(LinkError::Failed(why)) | Trouble::Text(why)) => {
                (vec![Finding { tag: 0, expected: "the step to work".into(), got: why }], None)
            }
            Err(Trouble::Differs { findings, message }) => (findings, message),
        };
        lines.push(LineReport { line: line.clone(), findings, message });
        outcome = Outcome::Failed;
        break;
    }
    if outcome == Outcome::Passed
        && let Some((name, message)) = player.left_over()
    {
        let text = format!("end of the scenario, connection {name}");
        let line = Line { number: scenario.line, text, step: Step::Nothing { name } };
        let finding = Finding {
            tag: 35,
            expected: "no further message".into(),
            got: message.msg_type().into(),
        };
        lines.push(LineReport { line, findings: vec![finding], message: Some(message.text()) });
        outcome = Outcome::Failed;
    }
    player.close();
    Report { file: scenario.file.clone(), title: scenario.title.clone(), outcome, lines }
}

struct Session {
    connection: usize,
    peer: Peer,
    service: Service,
    next_out: u64,
    buffer: Vec<u8>,
    open: bool,
}

struct Player<'a> {
    link: &'a mut dyn Link,
    values: Values,
    sessions: BTreeMap<String, Session>,
    nonce: u64,
    /// Books may change at any time: nothing says `!alone`.
    others_trade: bool,
    /// ClOrdIDs start anew: it says `!fresh`.
    is_fresh: bool,
}

enum Trouble {
    Link(LinkError),
    Text(String),
    Differs { findings: Vec<Finding>, message: Option<String> },
}

impl From<LinkError> for Trouble {
    fn from(error: LinkError) -> Self {
        Self::Link(error)
    }
}

impl From<String> for Trouble {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

fn differs(expected: &str, got: &str) -> Trouble {
    let finding = Finding { tag: 35, expected: expected.to_owned(), got: got.to_owned() };
    Trouble::Differs { findings: vec![finding], message: None }
}

impl Player<'_> {
    fn step(&mut self, line: &Line) -> Result<(), Trouble> {
        match &line.step {
            Step::Connect { name, service, sender, logon } => {
                self.connect(name, service, sender)?;
                if let Some(extra) = logon {
                    self.log_on(name, extra)?;
                }
                Ok(())
            }
            Step::Drop { name } => {
                let session = self.sessions.remove(name).ok_or_else(|| unknown(name))?;
                self.link.drop_connection(session.connection);
                Ok(())
            }
            Step::Send { name, msg_type, fields } => self.send(name, msg_type, fields),
            Step::Raw { name, text } => {
                // These two are computed last: what they cover has to be there.
                let text = text.replace("{len}", "\u{1}len").replace("{sum}", "\u{1}sum");
                let bytes = raw(&self.values.fill(&text, self.link.now())?);
                let connection = self.session(name)?.connection;
                Ok(self.link.send(connection, &bytes)?)
            }
            Step::Expect { name, exact, msg_type, fields } => {
                self.expect(name, *exact, msg_type, fields)
            }
            Step::Nothing { name } => match self.next(name, None, SILENCE)? {
                None => Ok(()),
                Some(message) => {
                    let Trouble::Differs { findings, .. } =
                        differs("no message", message.msg_type())
                    else {
                        return Ok(());
                    };
                    Err(Trouble::Differs { findings, message: Some(message.text()) })
                }
            },
            Step::Closed { name } => {
                if let Some(message) = self.next(name, None, PATIENCE)? {
                    return Err(differs("the connection closed", &message.text()));
                }
                if self.session(name)?.open {
                    return Err(differs("the connection closed", "it is open"));
                }
                Ok(())
            }
            Step::Advance(time) => Ok(self.link.advance(*time)?),
            Step::Set { name, value } => {
                let value = self.values.fill(value, self.link.now())?;
                self.values.set(name, &value);
                Ok(())
            }
            Step::Control(words) => Ok(self.link.control(words)?),
        }
    }

    fn session(&mut self, name: &str) -> Result<&mut Session, Trouble> {
        self.sessions.get_mut(name).ok_or_else(|| unknown(name))
    }

    fn connect(&mut self, name: &str, service: &str, sender: &str) -> Result<(), Trouble> {
        let service = Service::ALL.into_iter().find(|one| one.name() == service);
        let service = service.ok_or_else(|| "no such service".to_owned())?;
        let peer = self.link.peer(sender)?;
        let connection = self.link.connect(service)?;
        let (next_out, buffer, open) = (1, Vec::new(), true);
        if let Some(before) = self.sessions.remove(name) {
            self.link.drop_connection(before.connection);
        }
        self.sessions
            .insert(name.to_owned(), Session { connection, peer, service, next_out, buffer, open });
        Ok(())
    }

    fn log_on(&mut self, name: &str, extra: &[Field]) -> Result<(), Trouble> {
        let has = |tag: u32| extra.iter().any(|field| field.0 == tag);
        let mut fields: Vec<Field> = Vec::new();
        for (tag, value) in [(98, "0"), (108, "60")] {
            if !has(tag) {
                fields.push((tag, value.into()));
            }
        }
        fields.extend(extra.iter().cloned());
        let is_fresh = self.is_fresh;
        let session = self.session(name)?;
        if session.service.is_trading() && is_fresh && !has(5030) {
            fields.push((5030, "Y".into()));
        }
        if session.service.is_trading() && !has(553) {
            for (tag, value) in [(553, "{key}"), (554, "{password}"), (5025, "{nonce}")] {
                fields.push((tag, value.into()));
            }
        }
        self.send(name, "A", &fields)?;
        self.expect(name, false, "A", &[])
    }

    fn send(&mut self, name: &str, msg_type: &str, fields: &[Field]) -> Result<(), Trouble> {
        let now = self.link.now();
        let Session { connection, peer, service, next_out, .. } = self.session(name)?;
        let (connection, peer, service, number) = (*connection, peer.clone(), *service, *next_out);
        let given =
            |tag: u32| fields.iter().find(|field| field.0 == tag).map(|field| field.1.clone());
        let time = String::from_utf8_lossy(&now.to_fix_millis()).into_owned();
        let mut header = vec![(35, msg_type.to_owned())];
        for (tag, usual) in [
            (34, Some(number.to_string())),
            (49, Some(peer.sender.clone())),
            (52, Some(time)),
            (56, Some(service.comp_id().to_owned())),
            (43, None),
            (97, None),
            (122, None),
        ] {
            if let Some(value) = given(tag).or(usual).filter(|value| value != "-") {
                header.push((tag, self.values.fill(&value, now)?));
            }
        }
        if msg_type == "A" {
            self.sign(&header, &peer, now);
        }
        let body =
            fields.iter().filter(|field| !header.iter().any(|h| h.0 == field.0) && field.1 != "-");
        let mut text = String::new();
        for (tag, value) in &header {
            text += &format!("{tag}={value}\x01");
        }
        for (tag, value) in body {
            text += &format!("{tag}={}\x01", self.values.fill(value, now)?);
        }
        if given(34).is_none_or(|text| text == number.to_string()) {
            self.session(name)?.next_out += 1;
        }
        let head = format!("8=FIX.4.4\x019={}\x01{text}", text.len());
        let sum = head.bytes().fold(0u8, u8::wrapping_add);
        Ok(self.link.send(connection, format!("{head}10={sum:03}\x01").as_bytes())?)
    }

    /// Makes `{key}`, `{password}` and `{nonce}` those of a Logon with this header.
    fn sign(&mut self, header: &[Field], peer: &Peer, now: UtcTime) {
        let Some(credentials) = &peer.credentials else { return };
        let get = |tag: u32| header.iter().find(|h| h.0 == tag).map_or("", |h| h.1.as_str());
        self.nonce = now.millis().max(self.nonce + 1);
        let (number, sender, target) = (get(34).parse().unwrap_or(0), get(49), get(56));
        self.values.set("key", credentials.api_key().expose());
        self.values.set("nonce", &self.nonce.to_string());
        if let Ok(password) =
            credentials.password(number, sender.as_bytes(), target.as_bytes(), self.nonce)
        {
            self.values.set("password", &String::from_utf8_lossy(&password));
        }
    }

    fn expect(
        &mut self,
        name: &str,
        exact: bool,
        msg_type: &str,
        fields: &[Field],
    ) -> Result<(), Trouble> {
        let Some(message) = self.next(name, Some(msg_type), PATIENCE)? else {
            let got = if self.session(name)?.open { "no message" } else { "the connection closed" };
            return Err(differs(msg_type, got));
        };
        let now = self.link.now();
        let mut filled = Vec::new();
        for (tag, value) in fields {
            filled.push((*tag, self.values.fill(value, now)?));
        }
        let (findings, remember) = expect::compare(&message, exact, msg_type, &filled);
        for (name, value) in remember {
            self.values.set(&name, &value);
        }
        if findings.is_empty() {
            return Ok(());
        }
        Err(Trouble::Differs { findings, message: Some(message.text()) })
    }

    /// The next message of a connection. Heartbeats are passed over and TestRequests answered, unless
    /// they are what is wanted; so are updates of books that others trade in.
    fn next(
        &mut self,
        name: &str,
        wanted: Option<&str>,
        patience: Duration,
    ) -> Result<Option<Received>, Trouble> {
        for _ in 0..PIECES_MAX {
            let session = self.sessions.get_mut(name).ok_or_else(|| unknown(name))?;
            if let Some(message) = Received::take(&mut session.buffer)? {
                match message.msg_type() {
                    "0" if wanted != Some("0") => {}
                    "X" if wanted != Some("X") && self.others_trade => {}
                    "1" if wanted != Some("1") => {
                        let id = message.get(112).unwrap_or_default().to_owned();
                        self.send(name, "0", &[(112, id)])?;
                    }
                    _ => return Ok(Some(message)),
                }
                continue;
            }
            let before = session.buffer.len();
            if session.open {
                session.open =
                    self.link.receive(session.connection, patience, &mut session.buffer)?;
            }
            if session.buffer.len() == before {
                return Ok(None);
            }
        }
        Err(Trouble::Text("the message does not end".into()))
    }

    /// A message that nobody expected.
    fn left_over(&mut self) -> Option<(String, Received)> {
        let names: Vec<String> = self.sessions.keys().cloned().collect();
        names.into_iter().find_map(|name| {
            let message = self.next(&name, None, Duration::ZERO).ok().flatten()?;
            Some((name, message))
        })
    }

    fn close(&mut self) {
        for session in std::mem::take(&mut self.sessions).into_values() {
            self.link.drop_connection(session.connection);
        }
    }
}

fn unknown(name: &str) -> Trouble {
    Trouble::Text(format!("there is no connection {name:?}"))
}
