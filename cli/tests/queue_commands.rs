//! The commands that talk to a queue, against a real Redis server.

mod machine;

use machine::{Machine, StandIn, prpc, text};
use prpc_contract::value::Value;

fn functions() -> Value {
    let parameter = |name: &str| Value::dict([("name", Value::str(name))]);
    let entry = |name: &str, args: Vec<Value>| {
        Value::dict([
            ("func_name", Value::str(name)),
            ("func_args", Value::List(args)),
            ("func_kwargs", Value::List(vec![])),
        ])
    };
    Value::List(vec![
        entry("ping", vec![]),
        entry("summ", vec![parameter("a"), parameter("b")]),
        entry("not a name", vec![]),
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_prints_what_the_function_returns() {
    let machine = Machine::start();
    let _worker = StandIn::start(&machine, functions()).await;
    for (arguments, printed) in [
        (&["call", "summ", "2", "3"][..], "5\n"),
        (&["call", "summ", "-2", "--kw", "z=4"], "2\n"),
        (&["call", "echo", "Anna", "[1]"], "('Anna', [1])\n"),
        (&["call", "echo", "1", "--json"], "{\"$tuple\":[1]}\n"),
    ] {
        let done = machine.run(arguments);
        assert_eq!(text(&done.stdout), printed, "{arguments:?}: {}", text(&done.stderr));
        assert!(done.status.success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_the_function_is_told_and_ends_with_1() {
    let machine = Machine::start();
    let _worker = StandIn::start(&machine, functions()).await;
    let done = machine.run(&["call", "fail"]);
    assert_eq!(text(&done.stderr), "error: the call failed: no such order \\u{1b}[31m\n");
    assert_eq!(done.status.code(), Some(1));
    let done = machine.run(&["call", "nope"]);
    assert!(text(&done.stderr).contains("prpc functions"), "{}", text(&done.stderr));
    assert_eq!(done.status.code(), Some(1));
}

#[test]
fn a_call_that_nobody_takes_ends_with_5_and_says_that_it_waits() {
    let machine = Machine::start();
    let done = machine.run(&["call", "summ", "--timeout", "100ms"]);
    assert_eq!(done.status.code(), Some(5));
    let said = text(&done.stderr);
    assert!(said.contains("no answer within 100ms") && said.contains("1 waiting, none in work"), "{said}");
}

#[test]
fn a_broker_that_is_not_there_ends_with_3_and_its_password_is_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let done = prpc(folder.path())
        .args(["call", "summ", "--broker", "redis://:s3cret@127.0.0.1:1/0"])
        .output()
        .unwrap();
    let said = text(&done.stderr);
    assert_eq!(done.status.code(), Some(3), "{said}");
    assert!(said.contains("where: redis://:***@127.0.0.1:1/0") && !said.contains("s3cret"), "{said}");
}

#[test]
fn without_an_address_the_ways_to_give_one_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let done = prpc(folder.path()).args(["queue"]).output().unwrap();
    assert_eq!(done.status.code(), Some(2));
    assert!(text(&done.stderr).contains("PRPC_URL_BROKER"), "{}", text(&done.stderr));
}

#[test]
fn wrong_usage_ends_with_2() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&["nope"][..], &["call"], &["call", "f", "--kw", "x"], &["call", "f", "--timeout", "3"]]
    {
        assert_eq!(
            prpc(folder.path()).args(arguments).output().unwrap().status.code(),
            Some(2),
            "{arguments:?}"
        );
    }
    let help = prpc(folder.path()).arg("--help").output().unwrap();
    assert!(help.status.success() && text(&help.stdout).contains("Exit codes:"));
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_and_stubs_come_from_the_workers() {
    let machine = Machine::start();
    let _worker = StandIn::start(&machine, functions()).await;
    let done = machine.run(&["functions"]);
    assert_eq!(
        text(&done.stdout),
        "function     arguments\nping         ()\nsumm         (a, b)\nnot a name   ()\n"
    );

    let done = machine.run(&["stubs"]);
    assert!(done.status.success());
    assert!(text(&done.stderr).contains("warning: 'not a name' is left out"), "{}", text(&done.stderr));
    let written = std::fs::read_to_string(machine.folder().join("server_func.py")).unwrap();
    assert!(written.contains("def summ(a, b):\n\treturn AwaitableTask('summ', (a, b), {}) \n"), "{written}");
}

#[test]
fn the_depth_of_a_queue_is_shown() {
    let machine = Machine::start();
    machine.run(&["call", "summ", "--timeout", "10ms"]);
    let done = machine.run(&["queue", "--json"]);
    let seen: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(
        (&seen["queue"], &seen["undelivered"], &seen["in_flight"]),
        (&"task_prpc".into(), &1.into(), &0.into())
    );
    assert!(
        text(&machine.run(&["queue"]).stdout)
            .starts_with("queue       waiting   in work   oldest\ntask_prpc   1")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_listed_shown_sent_again_and_removed() {
    let machine = Machine::start();
    let worker = StandIn::start(&machine, functions()).await;
    assert_eq!(machine.run(&["call", "poison", "7", "--timeout", "100ms"]).status.code(), Some(5));

    let list = || -> Vec<serde_json::Value> {
        serde_json::from_slice(&machine.run(&["dead", "list", "--json"]).stdout).unwrap()
    };
    let id = machine::wait_for("a dead letter", || {
        list().first().map(|letter| letter["id"].as_str().unwrap().to_owned())
    });
    assert!(text(&machine.run(&["dead", "list"]).stdout).contains("too many attempts"));
    assert!(text(&machine.run(&["dead", "show", &id]).stdout).contains("poison"));

    drop(worker);
    assert!(machine.run(&["dead", "retry", &id]).status.success());
    assert!(list().is_empty());
    let depth: serde_json::Value = serde_json::from_slice(&machine.run(&["queue", "--json"]).stdout).unwrap();
    assert_eq!(depth["undelivered"], 1);
    assert_eq!(machine.run(&["dead", "retry", &id]).status.code(), Some(1));

    let _worker = StandIn::start(&machine, functions()).await;
    let id = machine::wait_for("it again", || {
        list().first().map(|letter| letter["id"].as_str().unwrap().to_owned())
    });
    assert!(machine.run(&["dead", "drop", &id]).status.success());
    assert!(list().is_empty());
    let done = machine.run(&["dead", "drop", &id]);
    assert_eq!(done.status.code(), Some(1));
    assert!(text(&done.stderr).contains("there is no dead letter"), "{}", text(&done.stderr));
}
