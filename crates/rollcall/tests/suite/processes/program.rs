//! The program in a process of its own: started, looked at, ended.
//!
//! Nothing here waits for a time to pass. [`until`] looks again and again whether something is so, and gives up late.

use std::{
    env,
    io::{Read, Write as _},
    net::SocketAddr,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::Duration,
};

use serde_json::Value as Json;

/// A process that was started. Dropped, it is killed; when the test failed, what it wrote is shown.
pub struct Program {
    child: Child,
    words: String,
    out: Stream,
    err: Stream,
}

/// A process that has ended.
#[derive(Debug)]
pub struct Ended {
    /// The exit status; `None` when a signal ended it.
    pub status: Option<i32>,
    pub out: String,
    pub err: String,
}

/// A running server.
pub struct Serving {
    pub program: Program,
    pub address: SocketAddr,
}

/// What a process wrote so far.
struct Stream {
    text: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

/// A machine that compiles something else meanwhile is slow.
const PATIENCE: Duration = Duration::from_mins(1);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Looks until there is something to see.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(seen) = look().await {
                return seen;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.unwrap_or_else(|_| panic!("not within {PATIENCE:?}: {what}"))
}

/// Looks until nothing is wrong any more. What is still wrong in the end fails the test.
pub async fn until_right(mut look: impl AsyncFnMut() -> String) {
    let mut wrong = String::new();
    let looking = async {
        loop {
            wrong = look().await;
            if wrong.is_empty() {
                return;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    let looked = tokio::time::timeout(PATIENCE, looking).await;
    assert!(looked.is_ok(), "after {PATIENCE:?} still: {wrong}");
}

/// `rollcall` with this database, from start to end, with nothing to read.
pub async fn rollcall(url: &str, arguments: &[&str]) -> Ended {
    rollcall_reading(url, arguments, "").await
}

/// As [`rollcall`], with something to read on its standard input.
pub async fn rollcall_reading(url: &str, arguments: &[&str], input: &str) -> Ended {
    Program::rollcall(url, arguments, input).end().await
}

impl Serving {
    /// `rollcall serve` on a free port, ready.
    pub async fn start(url: &str, arguments: &[&str]) -> Serving {
        Serving::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), url, arguments).await
    }

    pub async fn start_at(listen: SocketAddr, url: &str, arguments: &[&str]) -> Serving {
        let listen = listen.to_string();
        let words = [&["serve", "--listen", &listen, "--log-format", "json"], arguments].concat();
        Serving::of(Program::rollcall(url, &words, "")).await
    }

    /// One that was started, ready.
    pub async fn of(mut program: Program) -> Serving {
        let address = until("the server says where it listens", async || {
            program.must_run();
            program.logged("serving").iter().find_map(|line| line["address"].as_str()?.parse().ok())
        })
        .await;
        let mut serving = Serving { program, address };
        until("the server is ready", async || {
            serving.program.must_run();
            let answer = reqwest::get(serving.url("/readyz")).await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
        serving
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Program {
    pub fn rollcall(url: &str, arguments: &[&str], input: &str) -> Program {
        Program::start(Program::command(url, arguments), input)
    }

    /// `rollcall` with this database and nothing else that is set around here.
    pub fn command(url: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
        for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ROLLCALL_")) {
            command.env_remove(name);
        }
        command.env_remove("RUST_LOG").env("DATABASE_URL", url).args(arguments);
        command
    }

    pub fn start(mut command: Command, input: &str) -> Program {
        let words = format!("{command:?}");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{words}: {error}"));
        let mut stdin = child.stdin.take().expect("its input");
        // Whoever asks for nothing does not read it.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        let out = Stream::read(child.stdout.take().expect("its output"));
        let err = Stream::read(child.stderr.take().expect("its log"));
        Program { child, words, out, err }
    }

    /// Asks it to end: `TERM` as a supervisor does, `INT` as Ctrl-C does.
    pub fn signal(&self, name: &str) {
        let kill = format!("kill -s {name} {}", self.child.id());
        let status = Command::new("sh").args(["-c", &kill]).status().expect("a shell");
        assert!(status.success(), "{kill}: {status}");
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL. Returns when it is gone.
    pub fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it ends");
    }

    /// Waits for it to end by itself.
    pub async fn end(mut self) -> Ended {
        let what = format!("{} ends", self.words);
        let status: ExitStatus = until(&what, async || self.child.try_wait().expect("it can be asked")).await;
        self.out.finish();
        self.err.finish();
        Ended { status: status.code(), out: self.out.text(), err: self.err.text() }
    }

    /// Fails the test when it has ended.
    pub fn must_run(&mut self) {
        if let Some(status) = self.child.try_wait().expect("it can be asked") {
            panic!("{} has ended: {status}", self.words);
        }
    }

    /// The lines that it logged with this message, as JSON.
    pub fn logged(&self, message: &str) -> Vec<Json> {
        let lines = self.err.text();
        lines
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .filter(|line: &Json| line["message"] == message)
            .collect()
    }

    /// What it wrote to standard output so far.
    pub fn out(&self) -> String {
        self.out.text()
    }

    /// What it wrote to standard error so far.
    pub fn err(&self) -> String {
        self.err.text()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            println!("{}\n{}{}", self.words, self.out.text(), self.err.text());
        }
    }
}

impl Ended {
    /// It did what it was told; what it printed.
    #[track_caller]
    pub fn done(&self) -> &str {
        assert_eq!(self.status, Some(0), "{self:#?}");
        &self.out
    }

    /// It failed in words: what it said. Nothing was printed that a script would take for an answer.
    #[track_caller]
    pub fn refused(&self, status: i32) -> &str {
        assert_eq!((self.status, &*self.out), (Some(status), ""), "{self:#?}");
        assert!(!self.err.contains("panicked") && !self.err.trim().is_empty(), "{self:#?}");
        &self.err
    }
}

impl Stream {
    fn read(mut from: impl Read + Send + 'static) -> Stream {
        let text = Arc::new(Mutex::new(Vec::new()));
        let writing = Arc::clone(&text);
        let reader = thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = from.read(&mut bytes) {
                writing.lock().unwrap().extend_from_slice(&bytes[..count]);
            }
        });
        Stream { text, reader: Some(reader) }
    }

    fn finish(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("what it wrote can be read");
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.text.lock().unwrap()).into_owned()
    }
}
