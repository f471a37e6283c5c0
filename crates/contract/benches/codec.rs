//! How fast requests are read and replies are written, in both families.

use std::hint::black_box;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use prpc_contract::message::{Call, ClassPath, Family, Limits, MessageId, Request, decode};
use prpc_contract::raw;
use prpc_contract::value::Value;

/// A native request with so long a text is read in the general way, the others in the usual way.
const LONG: usize = 64 << 10;

fn received() -> SystemTime {
    UNIX_EPOCH + Duration::from_micros(1_730_894_400_123_456)
}

fn long_text() -> Value {
    Value::str("text".repeat(LONG / 4))
}

/// Lists and dicts in each other: some hundred values.
fn nested() -> Value {
    let order = |n: i64| {
        let line = |at: i64| {
            Value::dict([
                ("article", Value::str(format!("article {at}"))),
                ("pieces", Value::Int(at)),
                ("price", Value::Float(0.25 * at as f64)),
            ])
        };
        Value::dict([
            ("order", Value::Int(n)),
            ("paid", Value::Bool(n % 2 == 0)),
            ("note", Value::None),
            ("lines", Value::List((0..4).map(line).collect())),
        ])
    };
    Value::List((0..20).map(order).collect())
}

fn request(family: Family, args: Vec<Value>) -> Bytes {
    let id = MessageId::random();
    let request = Request { function: "f".into(), args, kwargs: Vec::new(), id, created: received() };
    let written = match family {
        Family::Native => request.write_native(ClassPath::Prpc),
        Family::Raw => raw::write_request(&request),
    };
    written.expect("these values can be sent").into()
}

fn read(family: Family, body: &Bytes) -> Call {
    decode(family, body, &Limits::default(), received()).expect("what was written can be read")
}

fn decode_requests(criterion: &mut Criterion) {
    for family in Family::ALL {
        let mut group = criterion.benchmark_group(format!("decode a {family} request"));
        for (name, args) in [
            ("two ints", vec![Value::Int(1), Value::Int(2)]),
            ("64 KiB of text", vec![long_text()]),
            ("nested lists and dicts", vec![nested()]),
        ] {
            let body = request(family, args);
            group.throughput(Throughput::Bytes(body.len() as u64));
            group.bench_function(name, |bencher| bencher.iter(|| read(family, black_box(&body))));
        }
        group.finish();
    }
}

fn write_replies(criterion: &mut Criterion) {
    for family in Family::ALL {
        let mut group = criterion.benchmark_group(format!("write a {family} reply"));
        let reply_to = read(family, &request(family, vec![Value::Int(1), Value::Int(2)])).reply_to;
        for (name, value) in [("an int", Value::Int(3)), ("64 KiB of text", long_text())] {
            let length = reply_to.reply(Ok(value.clone()), received()).len();
            group.throughput(Throughput::Bytes(length as u64));
            group.bench_function(name, |bencher| {
                let result = || Ok(value.clone());
                bencher.iter_batched(
                    result,
                    |result| reply_to.reply(result, received()),
                    BatchSize::SmallInput,
                );
            });
        }
        group.finish();
    }
}

criterion_group!(benches, decode_requests, write_replies);
criterion_main!(benches);
