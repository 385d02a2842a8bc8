//! The program as its users meet it: started as a process, on real Python processes.
#![forbid(unsafe_code)]
#![allow(clippy::print_stderr, reason = "a test that skips something says so")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up should stop, loudly")]

mod account;
mod bad_input;
mod captures;
mod check;
mod compare;
mod delivered;
mod doctor;
mod freeze;
mod graph;
mod offline;
mod plugins;
mod support;
mod techniques;
mod trial;
mod watch;
