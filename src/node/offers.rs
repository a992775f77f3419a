//! Services offered to other devices: closed unless opened.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::ids::{Endpoint, Name};
use crate::base::links::LinkId;
use crate::wire::reason::Reason;

/// Where a service's sessions go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// To a socket this node dials.
    Dial(Endpoint),
    /// To the application that holds this control link.
    Application(LinkId),
}

#[derive(Debug)]
struct Offered {
    target: Target,
    allow: BTreeSet<Name>,
}

/// The services.
#[derive(Debug, Default)]
pub(crate) struct Offers {
    by_port: BTreeMap<u16, Offered>,
    /// Who may use every service.
    allow: BTreeSet<Name>,
}

impl Offers {
    pub(crate) fn new(allow: impl IntoIterator<Item = Name>) -> Self {
        Self { by_port: BTreeMap::new(), allow: allow.into_iter().collect() }
    }

    /// Offers a service; false if the port is taken.
    pub(crate) fn add(
        &mut self,
        port: u16,
        target: Target,
        allow: impl IntoIterator<Item = Name>,
    ) -> bool {
        let offered = Offered { target, allow: allow.into_iter().collect() };
        let is_free = !self.by_port.contains_key(&port);
        if is_free {
            self.by_port.insert(port, offered);
        }
        is_free
    }

    /// Where a peer's session goes.
    pub(crate) fn target(&self, peer: &Name, port: u16) -> Result<&Target, Reason> {
        let offered = self.by_port.get(&port);
        let allowed = self.allow.contains(peer)
            || offered.is_some_and(|offered| offered.allow.contains(peer));
        match offered {
            // Whoever is allowed nothing learns nothing of what is served.
            _ if !allowed => Err(Reason::NotAllowed),
            Some(offered) => Ok(&offered.target),
            None => Err(Reason::NoService),
        }
    }

    /// The application that held this control link is gone.
    pub(crate) fn withdraw(&mut self, link: LinkId) {
        self.by_port.retain(|_, offered| offered.target != Target::Application(link));
    }

    /// Ports, targets and lists, for the status.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u16, &Target, &BTreeSet<Name>)> {
        self.by_port.iter().map(|(port, offered)| (*port, &offered.target, &offered.allow))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// LO-06: closed unless opened, for the Name and for the port.
    #[test]
    fn only_the_allowed_reach_only_what_is_offered() {
        let [a, b, c] = [1, 2, 3].map(|byte| Name::from_bytes([byte; 32]));
        let mut offers = Offers::new([a]);
        let target = Target::Dial(Endpoint::Host("localhost".into(), 22));
        assert!(offers.add(22, target.clone(), [b]));
        assert!(!offers.add(22, target.clone(), []));
        assert_eq!(offers.target(&a, 22), Ok(&target));
        assert_eq!(offers.target(&b, 22), Ok(&target));
        assert_eq!(offers.target(&c, 22), Err(Reason::NotAllowed));
        assert_eq!(offers.target(&a, 23), Err(Reason::NoService));
        assert_eq!(offers.target(&b, 23), Err(Reason::NotAllowed));
    }
}
