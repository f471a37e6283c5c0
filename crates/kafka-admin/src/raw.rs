//! The one place that talks to librdkafka directly: requests for which rdkafka has no safe form, or none that several
//! partitions or groups share.
//!
//! Data goes in and data comes out; no pointer leaves this file. What blocks, blocks the calling thread.
//!
//! Functions of librdkafka are handed to the helpers below as values. That is sound because all of them are named in this file
//! only, keep none of the pointers they get (names, lists and arrays are copied), and give back what the helpers say.
#![allow(unsafe_code, reason = "librdkafka is a C library; every block says why it is sound")]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr::NonNull;
use std::time::{Duration, Instant};

use rdkafka::bindings as rd;
use rdkafka::bindings::rd_kafka_admin_op_t as op;
use rdkafka::client::{Client, ClientContext};
use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};

use crate::names::{End, NewTopic, Operation, Partition};

/// What librdkafka gets beyond a request's own limit to report that it is over.
const GRACE: Duration = Duration::from_millis(500);
/// The limit of requests that go to the coordinator of a group. librdkafka 2.12 ends the process when such a request has timed out
/// before its coordinator was found, and is found later. So it must not time out: whoever asks gives up long before, and ends the
/// client in less than this time.
const COORDINATOR: Duration = Duration::from_secs(900);

/// Something to ask the cluster for.
#[derive(Debug)]
pub(crate) enum Request {
    /// With what the client may do with them, if that is wanted.
    Topics(Vec<String>, bool),
    CreateTopics(Vec<NewTopic>),
    /// To so many partitions.
    Grow(Vec<(String, u32)>),
    DeleteTopics(Vec<String>),
    Offsets(Vec<Partition>, End),
    /// Of these partitions, or of all that the group has any for.
    Committed(String, Option<Vec<Partition>>),
    Commit(String, Vec<(Partition, i64)>),
    Group(String),
    DeleteGroup(String),
}

impl Request {
    /// Whether it goes to the coordinator of a group.
    const fn is_for_coordinator(&self) -> bool {
        matches!(self, Self::Committed(..) | Self::Commit(..) | Self::Group(_) | Self::DeleteGroup(_))
    }
}

/// What was said to several requests.
pub(crate) struct Answers {
    /// In the order of the requests.
    pub(crate) each: Vec<Result<Answer, Fault>>,
    /// Whether a coordinator has not answered: the client must be ended soon.
    pub(crate) is_spoilt: bool,
}

/// What it says: always the one that belongs to the request.
#[derive(Debug)]
pub(crate) enum Answer {
    Topics(Vec<Named<TopicFound>>),
    /// What was created, grown or deleted.
    Done(Vec<Named<()>>),
    Offsets(Vec<(Partition, Result<i64, Fault>)>),
    Group(GroupFound),
}

/// A name, and what became of it.
pub(crate) type Named<T> = (String, Result<T, Fault>);

#[derive(Debug)]
pub(crate) struct TopicFound {
    /// Another topic of the same name has another one; zero if the brokers tell none.
    pub(crate) id: [i64; 2],
    pub(crate) partitions: u32,
    /// Those that no broker serves at present.
    pub(crate) without_leader: Vec<u32>,
    /// What the client may do with it, if it was asked for and the brokers tell.
    pub(crate) rights: Option<Vec<Operation>>,
}

#[derive(Debug)]
pub(crate) struct GroupFound {
    pub(crate) members: usize,
    /// As of a topic.
    pub(crate) rights: Option<Vec<Operation>>,
}

/// What librdkafka says of a failure.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) code: Code,
    pub(crate) text: String,
}

impl Fault {
    fn new(code: Code, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }

    /// There is no answer, and never will be.
    pub(crate) fn lost() -> Self {
        Self::new(Code::Fail, "the answer was lost")
    }

    fn check(self) -> Result<(), Self> {
        if self.code == Code::NoError { Ok(()) } else { Err(self) }
    }
}

type Handle = *mut rd::rd_kafka_t;
type Queue = Owned<rd::rd_kafka_queue_t>;
type Event = Owned<rd::rd_kafka_event_t>;
type Options = Owned<rd::rd_kafka_AdminOptions_t>;

/// Asks for all of it at once. Returns when all answers are there, at the latest shortly after `limit`. Blocks.
pub(crate) fn ask<C: ClientContext>(client: &Client<C>, requests: &[Request], limit: Duration) -> Answers {
    let late = |_: &Request| Err(Fault::new(Code::OperationTimedOut, "no answer came in time"));
    let mut answers: Vec<_> = requests.iter().map(late).collect();
    let mut waiting: Vec<_> = requests.iter().map(|_| false).collect();
    // SAFETY: the client lives longer than the queue, which is gone when this function returns.
    let queue = unsafe { rd::rd_kafka_queue_new(client.native_ptr()) };
    let Ok(queue) = Owned::new(queue, rd::rd_kafka_queue_destroy) else {
        return Answers { each: answers, is_spoilt: false };
    };
    for (index, request) in requests.iter().enumerate() {
        let limit = if request.is_for_coordinator() { COORDINATOR } else { limit };
        match send(client.native_ptr(), &queue, index, request, limit) {
            Ok(()) => waiting[index] = true,
            Err(fault) => answers[index] = Err(fault),
        }
    }
    let end = Instant::now() + limit + GRACE;
    while waiting.contains(&true) {
        let left = millis(end.saturating_duration_since(Instant::now()));
        // SAFETY: the queue is valid. No event means that the time is over.
        let event = unsafe { rd::rd_kafka_queue_poll(queue.get(), left) };
        let Ok(event) = Owned::new(event, rd::rd_kafka_event_destroy) else { break };
        // SAFETY: the event is valid. What it carries is the number that `options` gave it, and no pointer.
        let index = unsafe { rd::rd_kafka_event_opaque(event.get()) }.addr();
        if let (Some(answer), Some(request)) = (answers.get_mut(index), requests.get(index)) {
            *answer = read(&event, request);
            waiting[index] = false;
        }
    }
    let is_spoilt =
        requests.iter().zip(waiting).any(|(request, waiting)| waiting && request.is_for_coordinator());
    Answers { each: answers, is_spoilt }
}

/// Sends one request; the event with its answer will carry `index`.
fn send(
    client: Handle,
    queue: &Queue,
    index: usize,
    request: &Request,
    limit: Duration,
) -> Result<(), Fault> {
    let options = |kind| options(client, kind, index, limit);
    match request {
        Request::Topics(names, rights) => {
            let options = with_rights(options(op::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS)?, *rights)?;
            let (_names, mut names) = c_strings(names)?;
            // SAFETY: as many names as are said to be there, each valid for the call.
            let topics =
                unsafe { rd::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), names.len()) };
            let topics = Owned::new(topics, rd::rd_kafka_TopicCollection_destroy)?;
            // SAFETY: all pointers are valid for the call.
            unsafe { rd::rd_kafka_DescribeTopics(client, topics.get(), options.get(), queue.get()) };
        }
        Request::CreateTopics(topics) => {
            let options = options(op::RD_KAFKA_ADMIN_OP_CREATETOPICS)?;
            let topics = topics.iter().map(new_topic).collect::<Result<_, _>>()?;
            send_all(client, queue, &options, topics, rd::rd_kafka_CreateTopics);
        }
        Request::Grow(topics) => {
            let options = options(op::RD_KAFKA_ADMIN_OP_CREATEPARTITIONS)?;
            let topics = topics.iter().map(new_partitions).collect::<Result<_, _>>()?;
            send_all(client, queue, &options, topics, rd::rd_kafka_CreatePartitions);
        }
        Request::DeleteTopics(names) => {
            let options = options(op::RD_KAFKA_ADMIN_OP_DELETETOPICS)?;
            let delete =
                |name: &String| named(name, rd::rd_kafka_DeleteTopic_new, rd::rd_kafka_DeleteTopic_destroy);
            let topics = names.iter().map(delete).collect::<Result<_, _>>()?;
            send_all(client, queue, &options, topics, rd::rd_kafka_DeleteTopics);
        }
        Request::Offsets(partitions, end) => {
            let options = options(op::RD_KAFKA_ADMIN_OP_LISTOFFSETS)?;
            let level = rd::rd_kafka_IsolationLevel_t::RD_KAFKA_ISOLATION_LEVEL_READ_COMMITTED;
            // SAFETY: the options are valid, and of a kind that has this one.
            checked(unsafe { rd::rd_kafka_AdminOptions_set_isolation_level(options.get(), level) })?;
            let end = match end {
                End::Earliest => Offset::Beginning,
                End::Latest => Offset::End,
            };
            let list = list(partitions.iter().map(|partition| (partition, end)))?;
            // SAFETY: all pointers are valid for the call.
            unsafe { rd::rd_kafka_ListOffsets(client, list.ptr(), options.get(), queue.get()) };
        }
        Request::Committed(group, partitions) => {
            let options = options(op::RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS)?;
            let some =
                |partitions: &Vec<_>| list(partitions.iter().map(|partition| (partition, Offset::Invalid)));
            let list = partitions.as_ref().map(some).transpose()?;
            let (new, destroy) =
                (rd::rd_kafka_ListConsumerGroupOffsets_new, rd::rd_kafka_ListConsumerGroupOffsets_destroy);
            let wanted = vec![of_group(group, list.as_ref(), new, destroy)?];
            send_all(client, queue, &options, wanted, rd::rd_kafka_ListConsumerGroupOffsets);
        }
        Request::Commit(group, offsets) => {
            let options = options(op::RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS)?;
            let list = list(offsets.iter().map(|(partition, offset)| (partition, Offset::Offset(*offset))))?;
            let (new, destroy) =
                (rd::rd_kafka_AlterConsumerGroupOffsets_new, rd::rd_kafka_AlterConsumerGroupOffsets_destroy);
            let wanted = vec![of_group(group, Some(&list), new, destroy)?];
            send_all(client, queue, &options, wanted, rd::rd_kafka_AlterConsumerGroupOffsets);
        }
        Request::Group(name) => {
            let options = with_rights(options(op::RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS)?, true)?;
            let (_names, mut names) = c_strings(std::slice::from_ref(name))?;
            // SAFETY: as many names as are said to be there, all pointers valid for the call.
            unsafe {
                let (names, count) = (names.as_mut_ptr(), names.len());
                rd::rd_kafka_DescribeConsumerGroups(client, names, count, options.get(), queue.get());
            }
        }
        Request::DeleteGroup(name) => {
            let options = options(op::RD_KAFKA_ADMIN_OP_DELETEGROUPS)?;
            let group = named(name, rd::rd_kafka_DeleteGroup_new, rd::rd_kafka_DeleteGroup_destroy)?;
            send_all(client, queue, &options, vec![group], rd::rd_kafka_DeleteGroups);
        }
    }
    Ok(())
}

/// Sends a request about a list of things.
fn send_all<T>(
    client: Handle,
    queue: &Queue,
    options: &Options,
    things: Vec<Owned<T>>,
    send: unsafe extern "C" fn(
        Handle,
        *mut *mut T,
        usize,
        *const rd::rd_kafka_AdminOptions_t,
        *mut rd::rd_kafka_queue_t,
    ),
) {
    let mut pointers: Vec<_> = things.iter().map(Owned::get).collect();
    // SAFETY: as many pointers as are said to be there, all valid for the call.
    unsafe { send(client, pointers.as_mut_ptr(), pointers.len(), options.get(), queue.get()) };
}

fn options(client: Handle, kind: op, index: usize, limit: Duration) -> Result<Options, Fault> {
    // SAFETY: the client is valid and outlives the options.
    let options = unsafe { rd::rd_kafka_AdminOptions_new(client, kind) };
    let options = Owned::new(options, rd::rd_kafka_AdminOptions_destroy)?;
    // SAFETY: the options are valid. What they are given is a number and no pointer.
    unsafe {
        rd::rd_kafka_AdminOptions_set_opaque(
            options.get(),
            std::ptr::without_provenance_mut::<c_void>(index),
        );
    }
    let limit = millis(limit).max(1);
    // SAFETY: the options are valid, and the buffer is as long as it is said to be.
    with_text(|text, length| unsafe {
        rd::rd_kafka_AdminOptions_set_request_timeout(options.get(), limit, text, length)
    })?;
    let waits = [
        op::RD_KAFKA_ADMIN_OP_CREATETOPICS,
        op::RD_KAFKA_ADMIN_OP_CREATEPARTITIONS,
        op::RD_KAFKA_ADMIN_OP_DELETETOPICS,
    ];
    if waits.contains(&kind) {
        // SAFETY: as above; these kinds have this option.
        with_text(|text, length| unsafe {
            rd::rd_kafka_AdminOptions_set_operation_timeout(options.get(), limit, text, length)
        })?;
    }
    Ok(options)
}

/// Whether the client is to be told what it may do.
fn with_rights(options: Options, wanted: bool) -> Result<Options, Fault> {
    // SAFETY: the options are valid, and of a kind that has this one.
    checked(unsafe {
        rd::rd_kafka_AdminOptions_set_include_authorized_operations(options.get(), c_int::from(wanted))
    })?;
    Ok(options)
}

fn new_topic(topic: &NewTopic) -> Result<Owned<rd::rd_kafka_NewTopic_t>, Fault> {
    let (name, number) = (c_string(&topic.name)?, |number| c_int::try_from(number).unwrap_or(c_int::MAX));
    let (partitions, copies) = (number(topic.partitions), topic.replication.map_or(-1, number));
    let mut native = std::ptr::null_mut();
    // SAFETY: all pointers are valid for the call, and the buffer is as long as it is said to be.
    with_text(|text, length| unsafe {
        native = rd::rd_kafka_NewTopic_new(name.as_ptr(), partitions, copies, text, length);
        success_if(!native.is_null())
    })?;
    let native = Owned::new(native, rd::rd_kafka_NewTopic_destroy)?;
    for (key, value) in &topic.config {
        let (key, value) = (c_string(key)?, c_string(value)?);
        // SAFETY: all pointers are valid for the call.
        let refused = unsafe { rd::rd_kafka_NewTopic_set_config(native.get(), key.as_ptr(), value.as_ptr()) };
        Fault::new(refused.into(), format!("{}: its configuration cannot be used", topic.name)).check()?;
    }
    Ok(native)
}

fn new_partitions((name, count): &(String, u32)) -> Result<Owned<rd::rd_kafka_NewPartitions_t>, Fault> {
    let (name, count) = (c_string(name)?, usize::try_from(*count).unwrap_or(usize::MAX));
    let mut native = std::ptr::null_mut();
    // SAFETY: all pointers are valid for the call, and the buffer is as long as it is said to be.
    with_text(|text, length| unsafe {
        native = rd::rd_kafka_NewPartitions_new(name.as_ptr(), count, text, length);
        success_if(!native.is_null())
    })?;
    Owned::new(native, rd::rd_kafka_NewPartitions_destroy)
}

fn named<T>(
    name: &str,
    new: unsafe extern "C" fn(*const c_char) -> *mut T,
    destroy: unsafe extern "C" fn(*mut T),
) -> Result<Owned<T>, Fault> {
    let name = c_string(name)?;
    // SAFETY: the name is valid for the call.
    Owned::new(unsafe { new(name.as_ptr()) }, destroy)
}

fn of_group<T>(
    group: &str,
    list: Option<&TopicPartitionList>,
    new: unsafe extern "C" fn(*const c_char, *const rd::rd_kafka_topic_partition_list_t) -> *mut T,
    destroy: unsafe extern "C" fn(*mut T),
) -> Result<Owned<T>, Fault> {
    let group = c_string(group)?;
    let list = list.map_or(std::ptr::null(), |list| list.ptr().cast_const());
    // SAFETY: the name is valid for the call, and so is the list, if there is one.
    Owned::new(unsafe { new(group.as_ptr(), list) }, destroy)
}

fn list<'a>(partitions: impl Iterator<Item = (&'a Partition, Offset)>) -> Result<TopicPartitionList, Fault> {
    let mut list = TopicPartitionList::new();
    for (partition, offset) in partitions {
        let refused = |error| Fault::new(Code::InvalidArgument, format!("{partition}: {error}"));
        c_string(&partition.topic)?;
        let number = i32::try_from(partition.number).unwrap_or(i32::MAX);
        list.add_partition_offset(&partition.topic, number, offset).map_err(refused)?;
    }
    Ok(list)
}

/// Reads the answer to a request out of its event.
fn read(event: &Event, request: &Request) -> Result<Answer, Fault> {
    // SAFETY: the event is valid, and so is its text while it lives.
    unsafe {
        let words = text(rd::rd_kafka_event_error_string(event.get()));
        Fault::new(rd::rd_kafka_event_error(event.get()).into(), words).check()?;
    }
    let done =
        |topics: Vec<&rd::rd_kafka_topic_result_t>| Answer::Done(topics.into_iter().map(done).collect());
    Ok(match request {
        Request::Topics(..) => {
            let (result, list) =
                (rd::rd_kafka_event_DescribeTopics_result, rd::rd_kafka_DescribeTopics_result_topics);
            Answer::Topics(elements(event, result, list)?.into_iter().map(topic).collect())
        }
        Request::CreateTopics(_) => {
            let (result, list) =
                (rd::rd_kafka_event_CreateTopics_result, rd::rd_kafka_CreateTopics_result_topics);
            done(elements(event, result, list)?)
        }
        Request::Grow(_) => {
            let result = rd::rd_kafka_event_CreatePartitions_result;
            done(elements(event, result, rd::rd_kafka_CreatePartitions_result_topics)?)
        }
        Request::DeleteTopics(_) => {
            let (result, list) =
                (rd::rd_kafka_event_DeleteTopics_result, rd::rd_kafka_DeleteTopics_result_topics);
            done(elements(event, result, list)?)
        }
        Request::Offsets(..) => {
            let (result, list) =
                (rd::rd_kafka_event_ListOffsets_result, rd::rd_kafka_ListOffsets_result_infos);
            Answer::Offsets(elements(event, result, list)?.into_iter().filter_map(offset_found).collect())
        }
        Request::Committed(..) => {
            let result = rd::rd_kafka_event_ListConsumerGroupOffsets_result;
            group_offsets(elements(event, result, rd::rd_kafka_ListConsumerGroupOffsets_result_groups)?)?
        }
        Request::Commit(..) => {
            let result = rd::rd_kafka_event_AlterConsumerGroupOffsets_result;
            group_offsets(elements(event, result, rd::rd_kafka_AlterConsumerGroupOffsets_result_groups)?)?
        }
        Request::Group(_) => {
            let result = rd::rd_kafka_event_DescribeConsumerGroups_result;
            let groups = elements(event, result, rd::rd_kafka_DescribeConsumerGroups_result_groups)?;
            Answer::Group(group_found(groups.into_iter().next().ok_or_else(nothing)?)?)
        }
        Request::DeleteGroup(_) => {
            let (result, list) =
                (rd::rd_kafka_event_DeleteGroups_result, rd::rd_kafka_DeleteGroups_result_groups);
            Answer::Done(elements(event, result, list)?.into_iter().map(group_done).collect())
        }
    })
}

/// The elements of an event's result.
fn elements<R, T>(
    event: &Event,
    result: unsafe extern "C" fn(*mut rd::rd_kafka_event_t) -> *const R,
    list: unsafe extern "C" fn(*const R, *mut usize) -> *mut *const T,
) -> Result<Vec<&T>, Fault> {
    // SAFETY: the event is valid. An event of another kind has no such result. Result and elements live as long as the event, and
    // there are as many of them as the same call says.
    unsafe {
        let result = result(event.get());
        if result.is_null() {
            return Err(nothing());
        }
        let mut count = 0;
        let first = list(result, &raw mut count);
        if first.is_null() || count == 0 {
            return Ok(Vec::new());
        }
        Ok(std::slice::from_raw_parts(first, count).iter().filter_map(|element| element.as_ref()).collect())
    }
}

fn topic(topic: &rd::rd_kafka_TopicDescription_t) -> Named<TopicFound> {
    // SAFETY: the topic is valid, and so is what it has; as many partitions as the same call says.
    unsafe {
        let name = text(rd::rd_kafka_TopicDescription_name(topic));
        if let Err(fault) = given(rd::rd_kafka_TopicDescription_error(topic)) {
            return (name, Err(fault));
        }
        let mut count = 0;
        let first = rd::rd_kafka_TopicDescription_partitions(topic, &raw mut count);
        let partitions = if first.is_null() { &[] } else { std::slice::from_raw_parts(first, count) };
        let leaderless =
            partitions.iter().filter(|info| rd::rd_kafka_TopicPartitionInfo_leader(**info).is_null());
        let number = |info: &*const rd::rd_kafka_TopicPartitionInfo_t| {
            u32::try_from(rd::rd_kafka_TopicPartitionInfo_partition(*info)).ok()
        };
        let id = rd::rd_kafka_TopicDescription_topic_id(topic);
        let bits = [rd::rd_kafka_Uuid_most_significant_bits, rd::rd_kafka_Uuid_least_significant_bits];
        let found = TopicFound {
            id: if id.is_null() { [0; 2] } else { bits.map(|half| half(id)) },
            partitions: u32::try_from(count).unwrap_or(u32::MAX),
            without_leader: leaderless.filter_map(number).collect(),
            rights: rights(topic, rd::rd_kafka_TopicDescription_authorized_operations),
        };
        (name, Ok(found))
    }
}

fn done(topic: &rd::rd_kafka_topic_result_t) -> Named<()> {
    // SAFETY: the result is valid, and so are its texts.
    unsafe {
        let words = text(rd::rd_kafka_topic_result_error_string(topic));
        let fault = Fault::new(rd::rd_kafka_topic_result_error(topic).into(), words);
        (text(rd::rd_kafka_topic_result_name(topic)), fault.check())
    }
}

fn group_done(group: &rd::rd_kafka_group_result_t) -> Named<()> {
    // SAFETY: the result is valid, and so are its name and error.
    unsafe { (text(rd::rd_kafka_group_result_name(group)), given(rd::rd_kafka_group_result_error(group))) }
}

fn group_found(group: &rd::rd_kafka_ConsumerGroupDescription_t) -> Result<GroupFound, Fault> {
    // SAFETY: the description is valid, and so is its error.
    let members = unsafe {
        given(rd::rd_kafka_ConsumerGroupDescription_error(group))?;
        rd::rd_kafka_ConsumerGroupDescription_member_count(group)
    };
    Ok(GroupFound {
        members,
        rights: rights(group, rd::rd_kafka_ConsumerGroupDescription_authorized_operations),
    })
}

/// The offsets of the one group that was asked about.
fn group_offsets(groups: Vec<&rd::rd_kafka_group_result_t>) -> Result<Answer, Fault> {
    let group = groups.into_iter().next().ok_or_else(nothing)?;
    group_done(group).1?;
    // SAFETY: the result is valid and so is its list, which has as many elements as it says.
    let partitions = unsafe {
        match rd::rd_kafka_group_result_partitions(group).as_ref() {
            Some(list) if !list.elems.is_null() => {
                std::slice::from_raw_parts(list.elems, usize::try_from(list.cnt).unwrap_or(0))
            }
            _ => &[],
        }
    };
    Ok(Answer::Offsets(partitions.iter().filter_map(offset).collect()))
}

fn offset_found(info: &rd::rd_kafka_ListOffsetsResultInfo_t) -> Option<(Partition, Result<i64, Fault>)> {
    // SAFETY: the information is valid, and so is its partition.
    offset(unsafe { rd::rd_kafka_ListOffsetsResultInfo_topic_partition(info).as_ref() }?)
}

fn offset(found: &rd::rd_kafka_topic_partition_t) -> Option<(Partition, Result<i64, Fault>)> {
    // SAFETY: a partition has the name of its topic.
    let topic = unsafe { text(found.topic) };
    let partition = Partition { topic, number: u32::try_from(found.partition).ok()? };
    let code = Code::from(found.err);
    let outcome = Fault::new(code, code.to_string()).check().map(|()| found.offset);
    Some((partition, outcome))
}

/// What the client may do with something.
fn rights<T>(
    thing: &T,
    list: unsafe extern "C" fn(*const T, *mut usize) -> *const rd::rd_kafka_AclOperation_t,
) -> Option<Vec<Operation>> {
    let mut count = 0;
    // SAFETY: the thing is valid; as many elements as the same call says. They are read as numbers, because a number that the
    // bindings do not know would be no value of their type.
    unsafe {
        let first = list(thing, &raw mut count);
        if first.is_null() {
            return None;
        }
        let numbers = std::slice::from_raw_parts(first.cast::<u32>(), count);
        Some(numbers.iter().filter_map(|number| Operation::from_number(*number)).collect())
    }
}

/// Something of librdkafka's that is ours, and goes with us.
struct Owned<T> {
    pointer: NonNull<T>,
    destroy: unsafe extern "C" fn(*mut T),
}

impl<T> Owned<T> {
    /// Takes what was made for us; `destroy` is what ends it.
    fn new(pointer: *mut T, destroy: unsafe extern "C" fn(*mut T)) -> Result<Self, Fault> {
        let pointer = NonNull::new(pointer).ok_or_else(nothing)?;
        Ok(Self { pointer, destroy })
    }

    const fn get(&self) -> *mut T {
        self.pointer.as_ptr()
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: it was made for us, and nobody else ends it.
        unsafe { (self.destroy)(self.pointer.as_ptr()) };
    }
}

fn nothing() -> Fault {
    Fault::new(Code::Fail, "librdkafka gave nothing back")
}

fn c_string(text: &str) -> Result<CString, Fault> {
    CString::new(text).map_err(|_| Fault::new(Code::InvalidArgument, format!("{text:?} holds a zero byte")))
}

/// Strings, and pointers to them that are valid while the strings live.
fn c_strings(texts: &[String]) -> Result<(Vec<CString>, Vec<*const c_char>), Fault> {
    let strings = texts.iter().map(|text| c_string(text)).collect::<Result<Vec<_>, _>>()?;
    let pointers = strings.iter().map(|string| string.as_ptr()).collect();
    Ok((strings, pointers))
}

/// # Safety
/// `pointer` must be null, or a C string that is valid for the call.
unsafe fn text(pointer: *const c_char) -> String {
    if pointer.is_null() {
        return String::new();
    }
    // SAFETY: as promised by the caller.
    unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned()
}

/// Calls what leaves its words in a buffer when it fails.
fn with_text(call: impl FnOnce(*mut c_char, usize) -> RDKafkaRespErr) -> Result<(), Fault> {
    let mut buffer = [0_u8; 512];
    let code = call(buffer.as_mut_ptr().cast(), buffer.len());
    let words = CStr::from_bytes_until_nul(&buffer).unwrap_or_default().to_string_lossy().into_owned();
    Fault::new(code.into(), words).check()
}

const fn success_if(well: bool) -> RDKafkaRespErr {
    if well {
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR
    } else {
        RDKafkaRespErr::RD_KAFKA_RESP_ERR__INVALID_ARG
    }
}

/// An error that is ours now.
fn checked(error: *mut rd::rd_kafka_error_t) -> Result<(), Fault> {
    let Ok(error) = Owned::new(error, rd::rd_kafka_error_destroy) else { return Ok(()) };
    // SAFETY: the error is valid until it is dropped at the end.
    unsafe { given(error.get()) }
}

/// An error that belongs to something else; null is none.
///
/// # Safety
/// `error` must be null or valid for the call.
unsafe fn given(error: *const rd::rd_kafka_error_t) -> Result<(), Fault> {
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: as promised by the caller; the text lives as long as the error.
    let (code, words) = unsafe { (rd::rd_kafka_error_code(error), text(rd::rd_kafka_error_string(error))) };
    Fault::new(code.into(), words).check()
}

fn millis(duration: Duration) -> c_int {
    c_int::try_from(duration.as_millis()).unwrap_or(c_int::MAX)
}
