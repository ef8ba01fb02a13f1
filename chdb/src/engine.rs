//! One connection on a thread of its own, and the handle that sends it work.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::{self, JoinHandle};

use crate::ffi::Connection;
use crate::{Error, Insert, Library, Statement, exit};

/// Answers one piece of work, on the engine's thread.
type Reply = Box<dyn FnOnce(Result<Vec<u8>, Error>) + Send>;

enum Work {
    Query(Statement),
    Insert(Insert),
}

/// What goes to the thread: work with its reply, or nothing more.
type Message = Option<(Work, Reply)>;

/// A handle to an open data directory; cheap to clone, and usable from any thread.
///
/// Statements run one at a time, in the order they were sent. The directory closes when the last handle is dropped,
/// or when the process exits.
#[derive(Debug, Clone)]
pub struct Engine {
    worker: Arc<Worker>,
}

impl Engine {
    /// Opens a data directory, creating it when it does not exist.
    ///
    /// # Errors
    /// When the library cannot be loaded, when the directory cannot be written or is in use, and when the process
    /// has used another directory before: libchdb has one per process.
    pub fn open(library: &Library, directory: &Path) -> Result<Self, Error> {
        let directory = writable(directory)?;
        let lock = claim(&directory)?;
        let (sender, receiver) = mpsc::channel();
        let (opened, open) = mpsc::channel();
        let library = library.clone();
        let thread = thread::Builder::new()
            .name("chdb".to_owned())
            .spawn(move || match Connection::open(&library, &directory) {
                Ok(connection) => {
                    let _ = opened.send(Ok(()));
                    serve(&connection, &receiver);
                }
                Err(error) => {
                    let _ = opened.send(Err(error));
                }
            })
            .map_err(|_| Error::Closed)?;
        open.recv().map_err(|_| Error::Closed)??;
        let worker = Arc::new(Worker {
            sender,
            thread: Mutex::new(Some(thread)),
            _lock: lock,
        });
        exit::close_at_exit(Arc::downgrade(&worker));
        Ok(Self { worker })
    }

    /// Runs a statement and waits for its answer.
    ///
    /// # Errors
    /// When `ClickHouse` refuses the statement, or the engine is closed.
    pub fn query(&self, statement: Statement) -> Result<Vec<u8>, Error> {
        wait(|reply| self.query_then(statement, reply))
    }

    /// Runs a statement and calls `reply` with its answer, on the engine's thread.
    pub fn query_then(
        &self,
        statement: Statement,
        reply: impl FnOnce(Result<Vec<u8>, Error>) + Send + 'static,
    ) {
        self.worker.send(Work::Query(statement), Box::new(reply));
    }

    /// Inserts rows and waits until they are stored.
    ///
    /// # Errors
    /// When `ClickHouse` refuses the rows, or the engine is closed; none of them is stored then.
    pub fn insert(&self, insert: Insert) -> Result<(), Error> {
        wait(|reply| self.insert_then(insert, move |answer| reply(answer.map(|()| Vec::new()))))
            .map(drop)
    }

    /// Inserts rows and calls `reply` when they are stored, on the engine's thread.
    pub fn insert_then(
        &self,
        insert: Insert,
        reply: impl FnOnce(Result<(), Error>) + Send + 'static,
    ) {
        self.worker.send(
            Work::Insert(insert),
            Box::new(move |answer| reply(answer.map(drop))),
        );
    }
}

fn wait(send: impl FnOnce(Reply)) -> Result<Vec<u8>, Error> {
    let (sender, receiver) = mpsc::channel();
    send(Box::new(move |answer| {
        let _ = sender.send(answer);
    }));
    receiver.recv().unwrap_or(Err(Error::Closed))
}

/// The engine's thread, as its handles see it.
#[derive(Debug)]
pub(crate) struct Worker {
    sender: Sender<Message>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// Held until the connection is closed.
    _lock: Arc<File>,
}

impl Worker {
    fn send(&self, work: Work, reply: Reply) {
        if let Err(mpsc::SendError(Some((_, reply)))) = self.sender.send(Some((work, reply))) {
            reply(Err(Error::Closed));
        }
    }

    /// Lets the thread finish what was sent before, close the connection and end.
    pub(crate) fn close(&self) {
        let _ = self.sender.send(None);
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        // A reply may drop the last handle on the engine's own thread, which cannot wait for itself.
        if let Some(thread) = thread.filter(|thread| thread.thread().id() != thread::current().id())
        {
            let _ = thread.join();
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.close();
    }
}

fn serve(connection: &Connection, receiver: &Receiver<Message>) {
    let mut current = None;
    while let Ok(Some((work, reply))) = receiver.recv() {
        let answer = run(connection, &mut current, work);
        exit::go_first();
        reply(answer);
    }
}

fn run(
    connection: &Connection,
    current: &mut Option<String>,
    work: Work,
) -> Result<Vec<u8>, Error> {
    match work {
        Work::Query(Statement {
            sql,
            format,
            database,
            parameters,
        }) => {
            enter(connection, current, database)?;
            connection.query(&sql, &format, &parameters)
        }
        Work::Insert(Insert {
            sql,
            format,
            database,
            chunks,
        }) => {
            enter(connection, current, database)?;
            connection
                .insert(&sql, &format, &chunks)
                .map(|()| Vec::new())
        }
    }
}

/// Makes `database` the one that unqualified names are looked up in, when it is not already.
fn enter(
    connection: &Connection,
    current: &mut Option<String>,
    database: Option<String>,
) -> Result<(), Error> {
    let database = database.unwrap_or_else(|| "default".to_owned());
    if current.as_ref() != Some(&database) {
        let quoted = database.replace('\\', "\\\\").replace('`', "\\`");
        connection.query(&format!("USE `{quoted}`"), "Null", &[])?;
        *current = Some(database);
    }
    Ok(())
}

/// Creates the directory where needed, and makes sure that files can be made in it.
fn writable(directory: &Path) -> Result<PathBuf, Error> {
    let probe = || {
        fs::create_dir_all(directory)?;
        let probe = directory.join(format!(".write-test-{}", std::process::id()));
        fs::write(&probe, b"")?;
        fs::remove_file(&probe)?;
        directory.canonicalize()
    };
    probe().map_err(|source| Error::Directory {
        path: directory.to_owned(),
        source,
    })
}

/// Makes `directory` the process's one data directory, and locks it against other processes.
fn claim(directory: &Path) -> Result<Arc<File>, Error> {
    static CLAIMED: Mutex<Option<(PathBuf, Weak<File>)>> = Mutex::new(None);
    let mut claimed = CLAIMED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((open, lock)) = &*claimed {
        if open != directory {
            return Err(Error::OtherDirectory {
                open: open.clone(),
                asked: directory.to_owned(),
            });
        }
        if let Some(lock) = lock.upgrade() {
            return Ok(lock);
        }
    }
    let lock = lock(directory)?;
    *claimed = Some((directory.to_owned(), Arc::downgrade(&lock)));
    Ok(lock)
}

/// Locks the directory until the file is dropped; libchdb has a lock too, but reports it on stderr only.
fn lock(directory: &Path) -> Result<Arc<File>, Error> {
    let path = || directory.to_owned();
    let file = File::create(directory.join("highlight.lock"));
    let file = file.map_err(|source| Error::Directory {
        path: path(),
        source,
    })?;
    match file.try_lock() {
        Ok(()) => Ok(Arc::new(file)),
        Err(TryLockError::WouldBlock) => Err(Error::InUse { path: path() }),
        Err(TryLockError::Error(source)) => Err(Error::Directory {
            path: path(),
            source,
        }),
    }
}
