//! How fast frames to a host are built, and frames from a host are read.

use std::fmt::Write;
use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use prpc_runtime::frame::{self, Draft, Frame, Kind};

/// Calls and results of one turn under load.
const MANY: usize = 64;

/// What a lane reads from its pipe at a time.
const PIECE: usize = 8 << 10;

/// Arguments of one text, as they stand in a CALLS frame.
fn long_arguments() -> Vec<u8> {
    format!(r#"["{}"],{{}}"#, "text".repeat(16 << 10)).into_bytes()
}

/// Built as the dispatcher does it, whose own builder is private.
fn calls(arguments: &[u8], count: usize) -> Bytes {
    let mut draft = Draft::with_capacity(0);
    for call in 0..count {
        draft.push(if draft.is_empty() { b"[" } else { b"," });
        // Writing to memory cannot fail.
        let _ = write!(draft, "[{},3,", 1_000_000 + call);
        draft.push(arguments);
        draft.push(b"]");
    }
    draft.push(b"]");
    draft.finish(Kind::Calls, false)
}

fn every_frame(input: &mut BytesMut) -> Option<Frame> {
    let mut last = None;
    while let Some(frame) = frame::read(input).expect("what was written can be read") {
        last = Some(black_box(frame));
    }
    last
}

fn build_calls(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("build a CALLS frame");
    let (short, long) = (b"[1,2],{}".to_vec(), long_arguments());
    for (name, arguments, count) in [
        ("one call of two ints", &short, 1),
        ("64 calls of two ints", &short, MANY),
        ("one call of 64 KiB", &long, 1),
    ] {
        group.throughput(Throughput::Bytes(calls(arguments, count).len() as u64));
        group.bench_function(name, |bencher| bencher.iter(|| calls(black_box(arguments), count)));
    }
    group.finish();
}

fn put_around(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("put a frame around a payload");
    for (name, payload) in [("16 bytes", b"[1000000,100001]".to_vec()), ("64 KiB", long_arguments())] {
        group.throughput(Throughput::Bytes((frame::HEADER + payload.len()) as u64));
        group
            .bench_function(name, |bencher| bencher.iter(|| frame::whole(Kind::Cancel, black_box(&payload))));
    }
    group.finish();
}

fn read(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("read frames");
    let short = frame::whole(Kind::Results, br#"[[1000000,0,3,15000]]"#);
    let long = frame::whole(Kind::Results, &long_arguments());
    let many = BytesMut::from(short.repeat(MANY).as_slice());
    for (name, input) in [("64 short ones at once", &many[..]), ("one of 64 KiB at once", &long[..])] {
        group.throughput(Throughput::Bytes(input.len() as u64));
        group.bench_function(name, |bencher| {
            // Reading takes the input apart, so each run gets its own. Few lie ready at a time, to fit in memory.
            bencher.iter_batched_ref(|| BytesMut::from(input), every_frame, BatchSize::LargeInput);
        });
    }
    group.throughput(Throughput::Bytes(long.len() as u64));
    // With the copy of each piece, which a lane makes too.
    group.bench_function("one of 64 KiB in pieces", |bencher| {
        bencher.iter(|| {
            let mut input = BytesMut::new();
            for piece in long.chunks(PIECE) {
                input.extend_from_slice(black_box(piece));
                black_box(every_frame(&mut input));
            }
        });
    });
    group.finish();
}

criterion_group!(benches, build_calls, put_around, read);
criterion_main!(benches);
