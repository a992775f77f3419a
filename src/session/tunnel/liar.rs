//! A lying peer's mouth, for tests of hostile peers: it seals anything under the tunnel's keys.
//!
//! Nothing it says changes its own side, so the true device behind it can go on afterwards.

use crate::wire::ack::ReHello;
use crate::wire::cursor::Writer;
use crate::wire::packet::{ConType, Header, PSessId, SessId};

use super::super::envelope;
use super::super::keys::Stage;
use super::super::stream::Session;
use super::Tunnel;

impl Tunnel {
    /// Says anything as a packet of the tunnel itself.
    pub fn lie(&mut self, kind: ConType, body: &[u8]) {
        let mut packet = envelope::blank(&self.pool, body.len());
        packet.extend(body);
        self.seal_out(kind, packet);
    }

    /// Says anything behind the fresh number of a Re-Hello; `None` is the true number.
    pub fn lie_in_re_hello(&mut self, kind: ConType, nonce: Option<[u8; 32]>, claims: &[u8]) {
        let mut packet = envelope::blank(&self.pool, claims.len().saturating_add(ReHello::LEN));
        let nonce = nonce.unwrap_or_else(|| self.keys.nonce(&mut self.rng));
        let mut head = [0; ReHello::LEN];
        ReHello { nonce, outage: true, keep: false, heard: 0 }.emit(&mut Writer::new(&mut head));
        packet.extend(&head);
        packet.extend(claims);
        if self.keys.seal_step(kind, Stage::Ahead, &mut packet).is_ok() {
            self.out.push_back(packet);
        }
    }

    /// Says anything in any session, whatever was said, granted or ended in it.
    pub fn lie_in_session(&mut self, session: SessId, kind: ConType, seq: u64, body: &[u8]) {
        let mut packet = envelope::blank(&self.pool, body.len());
        packet.extend(body);
        let (suite, epoch) = (self.keys.suite().number(), self.keys.epoch());
        let header = Header { kind, suite, last: false, epoch, seq, session };
        let sealed = self.keys.session_sealer(session).and_then(|mut sealer| {
            envelope::close(&mut packet, self.keys.ends(), &header, Some(&mut sealer))
        });
        if sealed.is_ok() {
            self.out.push_back(packet);
        }
    }

    /// The SessID of a session, or of one that the peer would take for a new one.
    #[must_use]
    pub fn session_id(&self, key: u64) -> SessId {
        let opener = PSessId::from_u64(key);
        let serial = self.peer_serial();
        let new = SessId { opener, answerer: PSessId { port: 22, serial } };
        self.table.get(key).map_or(new, Session::id)
    }
}
