//! Replays a workload through yrs and measures itself; see process.go for what is said on stdin and stdout.
//! Argument: "wall" or "cpu".

use std::fs;
use std::io::{self, BufRead, Write};
use std::path::PathBuf;
use std::time::Instant;
use yrs::updates::decoder::Decode;
use yrs::{Doc, GetString, OffsetKind, Options, ReadTxn, StateVector, Text, Transact, Update};

/// Nanoseconds of wall time or of processor time.
struct Clock {
    start: Instant,
    wall: bool,
}

impl Clock {
    fn now(&self) -> u64 {
        if self.wall {
            return self.start.elapsed().as_nanos() as u64;
        }
        let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // Cannot fail: the clock exists and t is ours.
        unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut t) };
        t.tv_sec as u64 * 1_000_000_000 + t.tv_nsec as u64
    }
}

#[derive(Default)]
struct Workload {
    dir: PathBuf,
    root: String,
    kind: String,
    updates: Vec<Vec<u8>>,
    edits: Vec<(u32, u32, String)>,
    full: Vec<u8>,
    half: Vec<u8>,
}

fn u32_at(b: &[u8], i: usize) -> usize {
    u32::from_le_bytes(b[i..i + 4].try_into().unwrap()) as usize
}

impl Workload {
    fn open(dir: &str, root: &str, kind: &str) -> Workload {
        let dir = PathBuf::from(dir);
        let read = |name: &str| fs::read(dir.join(name)).unwrap();
        let mut w = Workload { root: root.into(), kind: kind.into(), full: read("full"), half: read("half"), ..Default::default() };
        let (u, e) = (read("updates"), read("edits"));
        let mut i = 4;
        while i < u.len() {
            let n = u32_at(&u, i);
            w.updates.push(u[i + 4..i + 4 + n].to_vec());
            i += 4 + n;
        }
        if !e.is_empty() {
            let mut i = 4;
            for _ in 0..u32_at(&e, 0) {
                let n = u32_at(&e, i + 8);
                let text = String::from_utf8(e[i + 12..i + 12 + n].to_vec()).unwrap();
                w.edits.push((u32_at(&e, i) as u32, u32_at(&e, i + 4) as u32, text));
                i += 12 + n;
            }
        }
        w.dir = dir;
        w
    }

    fn doc(&self) -> Doc {
        let doc = Doc::with_options(Options { offset_kind: OffsetKind::Utf16, ..Options::default() });
        match self.kind.as_str() {
            "text" => drop(doc.get_or_insert_text(self.root.as_str())),
            "map" => drop(doc.get_or_insert_map(self.root.as_str())),
            "array" => drop(doc.get_or_insert_array(self.root.as_str())),
            _ => {}
        }
        doc
    }

    fn loaded(&self) -> Doc {
        let doc = self.doc();
        apply(&doc, &self.full);
        doc
    }

    fn content(&self, doc: &Doc) -> String {
        let mut out = String::new();
        match self.kind.as_str() {
            "text" => out = doc.get_or_insert_text(self.root.as_str()).get_string(&doc.transact()),
            "map" => {
                let map = doc.get_or_insert_map(self.root.as_str());
                yrs::types::ToJson::to_json(&map, &doc.transact()).to_json(&mut out)
            }
            "array" => {
                let array = doc.get_or_insert_array(self.root.as_str());
                yrs::types::ToJson::to_json(&array, &doc.transact()).to_json(&mut out)
            }
            _ => {}
        }
        out
    }
}

fn apply(doc: &Doc, update: &[u8]) {
    doc.transact_mut().apply_update(Update::decode_v1(update).unwrap()).unwrap();
}

fn encode(doc: &Doc) -> Vec<u8> {
    doc.transact().encode_state_as_update_v1(&StateVector::default())
}

/// What the last run made.
#[derive(Default)]
struct Last {
    doc: Option<Doc>,
    bytes: Option<Vec<u8>>,
}

/// Runs one phase: nanoseconds, operations, bytes.
fn run(w: &Workload, phase: &str, limit: u64, clock: &Clock, last: &mut Last) -> (u64, usize, usize) {
    *last = Last::default();
    match phase {
        "warm" => {
            let doc = w.doc();
            w.updates.iter().take(3000).for_each(|u| apply(&doc, u));
            encode(&w.loaded());
            (0, 1, 0)
        }
        "apply" => {
            let doc = w.doc();
            let start = clock.now();
            w.updates.iter().for_each(|u| apply(&doc, u));
            let took = clock.now() - start;
            last.doc = Some(doc);
            (took, w.updates.len(), w.updates.iter().map(Vec::len).sum())
        }
        "local" => {
            let doc = Doc::with_options(Options {
                offset_kind: OffsetKind::Utf16,
                ..Options::with_client_id(yrs::ClientID::new(1))
            });
            let text = doc.get_or_insert_text(w.root.as_str());
            let (mut done, mut bytes) = (0, 0);
            let start = clock.now();
            for (at, del, s) in &w.edits {
                let mut txn = doc.transact_mut();
                if *del > 0 {
                    text.remove_range(&mut txn, *at, *del);
                }
                if !s.is_empty() {
                    text.insert(&mut txn, *at, s);
                }
                bytes += txn.encode_update_v1().len();
                drop(txn);
                done += 1;
                if done % 256 == 0 && clock.now() - start > limit {
                    break;
                }
            }
            let took = clock.now() - start;
            last.doc = Some(doc);
            (took, done, bytes)
        }
        "load" => {
            let doc = w.doc();
            let start = clock.now();
            apply(&doc, &w.full);
            let took = clock.now() - start;
            last.doc = Some(doc);
            (took, 1, w.full.len())
        }
        "encode" => {
            let docs: Vec<Doc> = (0..4).map(|_| w.loaded()).collect();
            let mut bytes = vec![];
            let start = clock.now();
            docs.iter().for_each(|d| bytes = encode(d));
            let took = clock.now() - start;
            let n = bytes.len();
            last.bytes = Some(bytes);
            (took, docs.len(), n)
        }
        "again" => {
            let doc = w.loaded();
            let mut bytes = encode(&doc);
            let start = clock.now();
            (0..10).for_each(|_| bytes = encode(&doc));
            let took = clock.now() - start;
            let n = bytes.len();
            last.bytes = Some(bytes);
            (took, 10, n)
        }
        "diff" => {
            let doc = w.loaded();
            let mut bytes = vec![];
            let start = clock.now();
            (0..5).for_each(|_| {
                let sv = StateVector::decode_v1(&w.half).unwrap();
                bytes = doc.transact().encode_state_as_update_v1(&sv);
            });
            let took = clock.now() - start;
            let n = bytes.len();
            last.bytes = Some(bytes);
            (took, 5, n)
        }
        "compact" => {
            let doc = w.doc();
            let start = clock.now();
            {
                let mut txn = doc.transact_mut();
                for u in &w.updates {
                    txn.apply_update(Update::decode_v1(u).unwrap()).unwrap();
                }
            }
            let bytes = encode(&doc);
            let took = clock.now() - start;
            let n = bytes.len();
            *last = Last { doc: Some(doc), bytes: Some(bytes) };
            (took, w.updates.len(), n)
        }
        other => panic!("no phase {other}"),
    }
}

fn main() {
    let clock = Clock { start: Instant::now(), wall: std::env::args().nth(1).as_deref() == Some("wall") };
    let (mut w, mut last) = (Workload::default(), Last::default());
    for line in io::stdin().lock().lines() {
        let line = line.unwrap();
        let f: Vec<&str> = line.split('\t').collect();
        let mut answer = String::new();
        match f[0] {
            "version" => answer = format!("native yrs {}, release build with LTO", VERSION),
            "open" => {
                last = Last::default();
                w = Workload::open(f[1], f[2], f[3]);
            }
            "run" => {
                let (ns, ops, bytes) = run(&w, f[1], f[2].parse().unwrap(), &clock, &mut last);
                answer = format!("{ns}\t{ops}\t{bytes}");
            }
            "result" => {
                fs::write(w.dir.join("content"), last.doc.as_ref().map(|d| w.content(d)).unwrap_or_default()).unwrap();
                let state = last.bytes.clone().unwrap_or_else(|| encode(last.doc.as_ref().unwrap()));
                fs::write(w.dir.join("state"), state).unwrap();
            }
            _ => {}
        }
        println!("ok\t{answer}");
        io::stdout().flush().unwrap();
    }
}

/// As pinned in Cargo.toml.
const VERSION: &str = "0.28.1";
