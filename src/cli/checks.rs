//! How single options become what a daemon is given.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use crate::base::ids::{Endpoint, Name};
use crate::base::limits::{self, CHILDREN_MAX, TREES_DEFAULT};
use crate::overlay::routes::{RouteError, Routes};

use super::failure::Wrong;
use super::names::{self, Aliases};
use super::options::{Forward, Secret, Service, Trees, Way};
use super::private;
use super::settings::{Given, Settings};
use super::values;

pub(super) fn is_loopback(at: &Endpoint) -> bool {
    match at {
        Endpoint::Tcp(address) => address.ip().is_loopback(),
        Endpoint::Host(..) => false,
        Endpoint::Unix(_) => true,
    }
}

pub(super) fn path(settings: &Settings, word: &str) -> Option<PathBuf> {
    settings.one(word).map(|given| given.path(&given.text))
}

/// Every value of a list, read.
pub(super) fn each<T>(
    settings: &Settings,
    word: &str,
    how: impl Fn(&str) -> Result<T, Wrong>,
) -> Result<Vec<T>, Wrong> {
    settings.all(word).map(|given| given.read(&how)).collect()
}

pub(super) fn trees(settings: &Settings, aliases: &Aliases) -> Result<Trees, Wrong> {
    let count = settings.read("trees", values::trees)?.unwrap_or(TREES_DEFAULT);
    let children = settings.read("children", values::children)?.unwrap_or(CHILDREN_MAX);
    let roots = each(settings, "root", |text| names::resolve(aliases, text))?;
    Ok(Trees { count, roots, children })
}

pub(super) fn way(settings: &Settings, aliases: &Aliases) -> Result<Way, Wrong> {
    let listen = settings.read("listen", values::listen_or_none)?.flatten();
    let peers = each(settings, "peer", values::target)?;
    let Some(cloak) = settings.one("cloak") else {
        let trees = trees(settings, aliases)?;
        return Ok(Way::Embedded { listen, peers, trees });
    };
    let both = settings.one("listen").or_else(|| settings.all("peer").next());
    if let Some(other) = both {
        let what = format!("{} and {} exclude each other", cloak.origin, other.origin);
        return Err(Wrong::new(what, "neighbours are the business of the cloak-node then"));
    }
    cloak.read(values::target).map(Way::Daemon)
}

/// Says that something is there twice.
fn twice(given: &Given, what: &str) -> Wrong {
    Wrong::new(format!("{what} is given twice"), "leave one away").at(&given.origin)
}

pub(super) fn forwards(settings: &Settings, aliases: &Aliases) -> Result<Vec<Forward>, Wrong> {
    let mut forwards: Vec<Forward> = Vec::new();
    for given in settings.all("forward") {
        let forward = given.read(|text| {
            let spec = values::forward(text)?;
            let name = names::resolve(aliases, spec.name)?;
            Ok(Forward { listen: spec.listen, name, port: spec.port })
        })?;
        let any = matches!(&forward.listen, Endpoint::Tcp(address) if address.port() == 0);
        if !any && forwards.iter().any(|other| other.listen == forward.listen) {
            return Err(twice(given, &format!("a forward from {}", forward.listen)));
        }
        forwards.push(forward);
    }
    Ok(forwards)
}

pub(super) fn services(settings: &Settings, aliases: &Aliases) -> Result<Vec<Service>, Wrong> {
    let mut seen = BTreeSet::new();
    let mut services = Vec::new();
    for given in settings.all("serve") {
        let service = given.read(|text| {
            let spec = values::serve(text)?;
            let names = spec.allow.iter().map(|name| names::resolve(aliases, name));
            let allow = names.collect::<Result<_, _>>()?;
            Ok(Service { port: spec.port, target: spec.target, allow })
        })?;
        if !seen.insert(service.port) {
            return Err(twice(given, &format!("the service on port {}", service.port)));
        }
        services.push(service);
    }
    Ok(services)
}

pub(super) fn secrets(
    settings: &Settings,
    aliases: &Aliases,
) -> Result<BTreeMap<Name, Secret>, Wrong> {
    let mut secrets = BTreeMap::new();
    for given in settings.all("psk") {
        let (name, secret) = given.read(|text| {
            let (name, file) = values::pair(text, "NAME=FILE")?;
            let name = names::resolve(aliases, name)?;
            Ok((name, Secret(private::read_secret(&given.path(file))?)))
        })?;
        if secrets.insert(name, secret).is_some() {
            return Err(twice(given, "a secret for the same device"));
        }
    }
    Ok(secrets)
}

/// What the routes file says, where one is named.
pub(super) fn routes(settings: &Settings) -> Result<Option<Routes>, Wrong> {
    let Some(given) = settings.one("routes") else { return Ok(None) };
    let read = given.read(|text| {
        let path = given.path(text);
        let file = path.display();
        let text = fs::read_to_string(&path).map_err(|error| {
            Wrong::new(format!("cannot read {file}: {error}"), "name a readable file of routes")
        })?;
        text.parse::<Routes>().map_err(|RouteError { line, fault }| {
            Wrong::new(format!("{file} line {line}: {fault}"), "correct the line")
        })
    });
    read.map(Some)
}

pub(super) fn bounds(settings: &Settings) -> Result<(usize, usize), Wrong> {
    let at_least = |least: usize| {
        move |text: &str| {
            let size = values::size(text)?;
            usize::try_from(size).ok().filter(|size| *size >= least).ok_or_else(|| {
                let mend = format!("give {}K or more", least >> 10);
                Wrong::new(format!("'{text}' is out of bounds"), mend)
            })
        }
    };
    let memory = settings.read("memory", at_least(limits::MEMORY_MIN))?;
    let memory = memory.unwrap_or(limits::MEMORY_DEFAULT);
    let window = settings.read("window", at_least(limits::WINDOW_MIN))?;
    let window = window.unwrap_or(limits::WINDOW_DEFAULT);
    if window > memory {
        let what = "the window of one session is larger than all packet memory";
        return Err(Wrong::new(what, "raise --memory or lower --window"));
    }
    Ok((memory, window))
}
