use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use super::*;
use crate::lost::{LostNode, LostWhy};

fn job() -> Job {
    Job {
        arms: Vec::new(),
        requests: Vec::new(),
        connections: 1,
        workers: 0,
        seed: 1,
        stripe: None,
        packets_alone: false,
    }
}

/// Plays a hub that answers each line with these frames. Returns control's streams, and the lines when all were answered.
fn hub(replies: Vec<Vec<FromChild>>) -> (Streams, impl Future<Output = Vec<String>>) {
    let (ours, hub) = tokio::io::duplex(1 << 16);
    let (answers, commands) = tokio::io::split(ours);
    let (heard, mut said) = tokio::io::split(hub);
    let mut heard = BufReader::new(heard).lines();
    let play = async move {
        let mut lines = Vec::new();
        for frames in replies {
            lines.push(heard.next_line().await.unwrap().unwrap());
            for frame in frames {
                let line = serde_json::to_string(&frame).unwrap() + "\n";
                said.write_all(line.as_bytes()).await.unwrap();
            }
        }
        lines
    };
    (Streams::new(commands, answers), play)
}

/// The second job begins while a frame of the first, which was stopped, is on its way.
#[tokio::test]
async fn a_hub_takes_one_job_after_the_other_and_reports_a_lost_node() {
    let lost = LostNode { index: 1, of: 4, name: "b".to_owned(), why: LostWhy::Closed, after_ns: None };
    let (streams, hub) = hub(vec![
        vec![FromChild::Ready],
        vec![FromChild::Second(Second::default())],
        vec![FromChild::Ready],
        vec![FromChild::Lost(lost.clone())],
    ]);
    let control = async {
        let first = Generator::over(streams, job()).await.unwrap();
        let streams = first.release().await.unwrap();
        let mut second = Generator::over(streams, job()).await.unwrap();
        second.open(Arm::Direct).await.unwrap_err()
    };
    let (error, heard) = tokio::join!(control, hub);
    assert!(matches!(&error, Error::Lost(found) if *found == lost), "{error}");
    let heard: Vec<ToChild> = heard.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(heard, [ToChild::Job(job()), ToChild::Stop, ToChild::Job(job()), ToChild::Open(Arm::Direct)]);
}

#[tokio::test]
async fn what_comes_from_beside_the_generators_is_kept_and_does_not_answer_a_command() {
    let beside = |number: u64| FromChild::Beside(Value::from(number));
    let opened = Opened { arm: Arm::Direct, connections: 1, failed: 0, example: None };
    let (streams, hub) =
        hub(vec![vec![beside(1), FromChild::Ready], vec![beside(2), beside(3), FromChild::Opened(opened.clone())]]);
    let control = async {
        let mut generator = Generator::over(streams, job()).await.unwrap();
        assert!(generator.take_beside().is_empty(), "it is of the job before");
        assert_eq!(generator.open(Arm::Direct).await.unwrap(), opened);
        assert_eq!(generator.take_beside(), [Value::from(2), Value::from(3)]);
        assert!(generator.take_beside().is_empty());
    };
    tokio::join!(control, hub);
}

#[tokio::test]
async fn a_question_skips_the_frames_of_a_stopped_job_and_does_not_wait_forever() {
    let late = vec![FromChild::Second(Second::default())];
    let answered = vec![FromChild::Second(Second::default()), FromChild::Beside(Value::from("well"))];
    let (mut streams, hub) = hub(vec![answered, late, Vec::new()]);
    let _hub = tokio::spawn(hub);
    let answer = streams.ask(&"how is it", Duration::from_secs(10)).await.unwrap();
    assert_eq!(answer, Value::from("well"));
    let silent = streams.ask(&"and now", Duration::from_millis(50)).await.unwrap_err();
    assert!(matches!(silent, Error::Silent { .. }), "{silent}");
}
