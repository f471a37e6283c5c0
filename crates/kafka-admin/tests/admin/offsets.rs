//! Offsets of partitions and groups.

use prpc_kafka_admin::{End, Seeded};

use super::*;
use rdkafka::producer::Producer as _;

use crate::records::{PATIENCE, commit, in_transaction, member, produce};

#[tokio::test]
async fn both_ends_of_many_partitions_come_in_one_answer() {
    let admin = admin();
    created(&admin, "ends_a", 3).await;
    created(&admin, "ends_b", 1).await;
    produce("ends_a", 1, 5);
    produce("ends_b", 0, 2);
    let all =
        [partition("ends_a", 0), partition("ends_a", 1), partition("ends_a", 2), partition("ends_b", 0)];
    let latest = admin.offsets(&all, End::Latest).await.unwrap();
    assert_eq!(all.each_ref().map(|partition| latest[partition].clone().unwrap()), [0, 5, 0, 2]);
    let earliest = admin.offsets(&all, End::Earliest).await.unwrap();
    assert_eq!(all.each_ref().map(|partition| earliest[partition].clone().unwrap()), [0; 4]);
}

#[tokio::test]
async fn the_end_comes_after_the_marker_of_a_transaction_and_before_one_that_is_open() {
    let admin = admin();
    created(&admin, "ends_marked", 1).await;
    let at = partition("ends_marked", 0);
    let end = async || admin.offsets(std::slice::from_ref(&at), End::Latest).await.unwrap()[&at].clone();
    let open = in_transaction("ends_marked", 0, 2);
    assert_eq!(end().await, Ok(0));
    open.commit_transaction(PATIENCE).unwrap();
    // Two records and the marker.
    until("the marker", async || end().await == Ok(3)).await;
}

/// Waits until the broker has loaded what is committed by a group.
async fn until_committed(admin: &Admin, group: &str, at: &Partition) {
    until("the coordinator is there", async || {
        admin.committed(&[(group.to_owned(), vec![at.clone()])]).await.pop().unwrap().is_ok()
    })
    .await;
}

#[tokio::test]
async fn a_group_begins_where_it_was_seeded() {
    let admin = admin();
    created(&admin, "seeded", 2).await;
    produce("seeded", 0, 4);
    let both = vec![partition("seeded", 0), partition("seeded", 1)];
    let committed = async || admin.committed(&[("seeds".into(), both.clone())]).await.pop().unwrap().unwrap();
    until_committed(&admin, "seeds", &both[0]).await;
    assert!(committed().await.values().all(|offset| *offset == Ok(None)));
    assert_eq!(admin.seed("seeds", &[(both[0].clone(), 3)]).await, Ok(Seeded::Done));
    let now = committed().await;
    assert_eq!((&now[&both[0]], &now[&both[1]]), (&Ok(Some(3)), &Ok(None)));
    let all = admin.all_committed("seeds").await.unwrap();
    assert_eq!(all.into_iter().collect::<Vec<_>>(), [(both[0].clone(), Ok(Some(3)))]);
}

#[tokio::test]
async fn a_group_with_members_keeps_its_offsets() {
    let admin = admin();
    created(&admin, "seeded_late", 1).await;
    produce("seeded_late", 0, 4);
    let consumer = member("late_seeds", "seeded_late");
    commit(&consumer, "seeded_late", 0, 2);
    let at = partition("seeded_late", 0);
    assert_eq!(admin.members("late_seeds").await, Ok(1));
    assert_eq!(admin.seed("late_seeds", &[(at.clone(), 0)]).await, Ok(Seeded::InUse));
    let committed = admin.committed(&[("late_seeds".into(), vec![at.clone()])]).await.pop().unwrap().unwrap();
    assert_eq!(committed[&at], Ok(Some(2)));
    assert!(admin.delete_group("late_seeds").await.is_err());
    tokio::task::spawn_blocking(move || drop(consumer)).await.unwrap();
    until("the group is left", async || admin.members("late_seeds").await == Ok(0)).await;
    assert_eq!(admin.seed("late_seeds", &[(at, 0)]).await, Ok(Seeded::Done));
    assert_eq!(admin.delete_group("late_seeds").await, Ok(true));
    assert_eq!(admin.delete_group("late_seeds").await, Ok(false));
}

#[tokio::test]
async fn many_groups_are_asked_at_once_and_each_has_its_answer() {
    let admin = admin();
    created(&admin, "shared_out", 1).await;
    let at = partition("shared_out", 0);
    until_committed(&admin, "shared_0", &at).await;
    let groups: Vec<_> = (0..40).map(|number| format!("shared_{number}")).collect();
    for (number, group) in groups.iter().enumerate().take(20) {
        admin.seed(group, &[(at.clone(), i64::try_from(number).unwrap())]).await.unwrap();
    }
    let asked: Vec<_> = groups.iter().map(|group| (group.clone(), vec![at.clone()])).collect();
    let answers = admin.committed(&asked).await;
    let offsets: Vec<_> = answers.into_iter().map(|answer| answer.unwrap()[&at].clone().unwrap()).collect();
    let expected: Vec<_> = (0..40).map(|number| Some(number).filter(|number| *number < 20)).collect();
    assert_eq!(offsets, expected);
    assert_eq!(admin.committed(&[("shared_0".into(), Vec::new())]).await.pop().unwrap().unwrap().len(), 0);
}
