//! libchdb's C ABI behind safe functions: the one file with `unsafe`.
#![expect(
    unsafe_code,
    reason = "a C library is called through pointers; nothing outside this file sees them"
)]

use std::ffi::{CString, c_char, c_int, c_void};
use std::path::Path;
use std::ptr::NonNull;
use std::slice;
use std::sync::OnceLock;

use crate::{Error, Library};

/// An opaque `chdb_connection`, `chdb_result` or `chdb_streaming_handle`.
type Handle = *mut c_void;

type Connect = unsafe extern "C" fn(c_int, *mut *mut c_char) -> *mut Handle;
type Close = unsafe extern "C" fn(*mut Handle);
type Query = unsafe extern "C" fn(
    Handle,
    *const c_char,
    usize,
    *const c_char,
    usize,
    *const *const c_char,
    *const usize,
    *const *const c_char,
    *const usize,
    usize,
) -> Handle;
type Text = unsafe extern "C" fn(Handle) -> *const c_char;
type Length = unsafe extern "C" fn(Handle) -> usize;
type Release = unsafe extern "C" fn(Handle);
type StreamInsert =
    unsafe extern "C" fn(Handle, *const c_char, usize, *const c_char, usize) -> Handle;
type StreamAppend = unsafe extern "C" fn(Handle, *const c_char, usize) -> c_int;
type StreamDone = unsafe extern "C" fn(Handle) -> Handle;
type SignalHandlers = unsafe extern "C" fn(c_int);

/// The functions of one loaded libchdb.
struct Api {
    connect: Connect,
    close: Close,
    query: Query,
    error: Text,
    buffer: Text,
    length: Length,
    destroy_result: Release,
    stream_insert: StreamInsert,
    stream_error: Text,
    stream_append: StreamAppend,
    stream_done: StreamDone,
    destroy_stream: Release,
}

impl Api {
    /// The process's libchdb, loaded at the first call and never unloaded: its threads outlive any connection.
    fn get(library: &Library) -> Result<&'static Self, Error> {
        static API: OnceLock<Api> = OnceLock::new();
        if let Some(api) = API.get() {
            return Ok(api);
        }
        let failed = |source| Error::Load {
            path: library.path().to_owned(),
            source,
        };
        let api = Self::load(library.path()).map_err(failed)?;
        Ok(API.get_or_init(|| api))
    }

    fn load(path: &Path) -> Result<Self, libloading::Error> {
        // SAFETY: libchdb's initialisers have no precondition; the handle is leaked below, so none of its code is ever unmapped.
        let library = Box::leak(Box::new(unsafe { libloading::Library::new(path) }?));
        // SAFETY: each name is looked up with the signature that chdb.h declares for it.
        unsafe {
            let signal_handlers =
                library.get::<SignalHandlers>(c"chdb_set_signal_handlers_enabled")?;
            signal_handlers(0);
            Ok(Self {
                connect: *library.get(c"chdb_connect")?,
                close: *library.get(c"chdb_close_conn")?,
                query: *library.get(c"chdb_query_with_params_n")?,
                error: *library.get(c"chdb_result_error")?,
                buffer: *library.get(c"chdb_result_buffer")?,
                length: *library.get(c"chdb_result_length")?,
                destroy_result: *library.get(c"chdb_destroy_query_result")?,
                stream_insert: *library.get(c"chdb_stream_insert_n")?,
                stream_error: *library.get(c"chdb_stream_insert_error")?,
                stream_append: *library.get(c"chdb_stream_append")?,
                stream_done: *library.get(c"chdb_stream_done")?,
                destroy_stream: *library.get(c"chdb_destroy_insert_stream")?,
            })
        }
    }
}

/// An open connection; it stays on the thread that opened it, and closes when dropped.
pub(crate) struct Connection {
    api: &'static Api,
    raw: NonNull<Handle>,
}

impl Connection {
    /// Opens `directory`, which exists.
    pub(crate) fn open(library: &Library, directory: &Path) -> Result<Self, Error> {
        let api = Api::get(library)?;
        let refused = || Error::Open {
            path: directory.to_owned(),
        };
        let path =
            CString::new(format!("--path={}", directory.display())).map_err(|_| refused())?;
        let mut arguments = [c"clickhouse".as_ptr().cast_mut(), path.as_ptr().cast_mut()];
        // SAFETY: two NUL-terminated strings that live across the call; the library copies them.
        let raw = unsafe { (api.connect)(2, arguments.as_mut_ptr()) };
        NonNull::new(raw)
            .map(|raw| Self { api, raw })
            .ok_or_else(refused)
    }

    /// Runs one statement and returns its answer.
    pub(crate) fn query(
        &self,
        sql: &str,
        format: &str,
        parameters: &[(String, String)],
    ) -> Result<Vec<u8>, Error> {
        let names: Vec<_> = parameters
            .iter()
            .map(|(name, _)| name.as_ptr().cast())
            .collect();
        let name_lengths: Vec<_> = parameters.iter().map(|(name, _)| name.len()).collect();
        let values: Vec<_> = parameters
            .iter()
            .map(|(_, value)| value.as_ptr().cast())
            .collect();
        let value_lengths: Vec<_> = parameters.iter().map(|(_, value)| value.len()).collect();
        // SAFETY: every pointer comes with its length, the four arrays have `parameters.len()` items, and all outlive the call.
        let result = unsafe {
            (self.api.query)(
                self.handle(),
                sql.as_ptr().cast(),
                sql.len(),
                format.as_ptr().cast(),
                format.len(),
                names.as_ptr(),
                name_lengths.as_ptr(),
                values.as_ptr(),
                value_lengths.as_ptr(),
                parameters.len(),
            )
        };
        self.take(result)
    }

    /// Inserts all chunks as one insert.
    pub(crate) fn insert(&self, sql: &str, format: &str, chunks: &[Vec<u8>]) -> Result<(), Error> {
        // SAFETY: both strings come with their lengths and outlive the call.
        let raw = unsafe {
            (self.api.stream_insert)(
                self.handle(),
                sql.as_ptr().cast(),
                sql.len(),
                format.as_ptr().cast(),
                format.len(),
            )
        };
        let stream = InsertStream {
            api: self.api,
            raw: NonNull::new(raw).ok_or(Error::Closed)?,
        };
        stream.check()?;
        for chunk in chunks {
            // SAFETY: the stream is live, and the chunk comes with its length and outlives the call.
            if unsafe {
                (self.api.stream_append)(stream.raw.as_ptr(), chunk.as_ptr().cast(), chunk.len())
            } != 0
            {
                stream.check()?;
                return Err(Error::Closed);
            }
        }
        // SAFETY: the stream is live; it is finished once, and destroyed when dropped.
        let result = unsafe { (self.api.stream_done)(stream.raw.as_ptr()) };
        self.take(result).map(drop)
    }

    fn handle(&self) -> Handle {
        // SAFETY: `chdb_connect` returned this pointer to the handle, and it is freed only by `drop`.
        unsafe { *self.raw.as_ptr() }
    }

    /// Copies a result's bytes, or its error, and frees it.
    fn take(&self, result: Handle) -> Result<Vec<u8>, Error> {
        if result.is_null() {
            return Err(Error::Closed);
        }
        // SAFETY: the result is live until it is destroyed here, after everything read from it has been copied.
        unsafe {
            let answer = match text((self.api.error)(result)) {
                Some(message) => Err(Error::Statement { message }),
                None => Ok(bytes((self.api.buffer)(result), (self.api.length)(result))),
            };
            (self.api.destroy_result)(result);
            answer
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: the connection is open, and nothing uses it after this.
        unsafe { (self.api.close)(self.raw.as_ptr()) }
    }
}

/// An insert under way; dropping it before it is done discards its rows.
struct InsertStream {
    api: &'static Api,
    raw: NonNull<c_void>,
}

impl InsertStream {
    fn check(&self) -> Result<(), Error> {
        // SAFETY: the stream is live; the text belongs to it and is copied.
        match unsafe { text((self.api.stream_error)(self.raw.as_ptr())) } {
            Some(message) => Err(Error::Statement { message }),
            None => Ok(()),
        }
    }
}

impl Drop for InsertStream {
    fn drop(&mut self) {
        // SAFETY: the stream is live, and nothing uses it after this.
        unsafe { (self.api.destroy_stream)(self.raw.as_ptr()) }
    }
}

/// Copies a C string; null and empty are nothing.
///
/// # Safety
/// `text` is null or points to a NUL-terminated string.
unsafe fn text(text: *const c_char) -> Option<String> {
    if text.is_null() {
        return None;
    }
    // SAFETY: by this function's contract.
    let text = unsafe { std::ffi::CStr::from_ptr(text) }
        .to_string_lossy()
        .into_owned();
    (!text.is_empty()).then_some(text)
}

/// Copies `length` bytes.
///
/// # Safety
/// `data` is null or points to `length` readable bytes.
unsafe fn bytes(data: *const c_char, length: usize) -> Vec<u8> {
    if data.is_null() || length == 0 {
        return Vec::new();
    }
    // SAFETY: by this function's contract.
    unsafe { slice::from_raw_parts(data.cast::<u8>(), length) }.to_vec()
}

/// Has `run` called when the process exits, before every exit handler that is registered by now.
///
/// A call registers `run` anew, behind what was registered meanwhile, instead of once more; `run` is called then, too.
pub(crate) fn at_exit(run: extern "C" fn(*mut c_void)) {
    // The C++ runtime's own functions: unlike `atexit` they can take a handler back, by the address it was tagged with.
    unsafe extern "C" {
        fn __cxa_atexit(
            run: extern "C" fn(*mut c_void),
            argument: *mut c_void,
            tag: *mut c_void,
        ) -> c_int;
        fn __cxa_finalize(tag: *mut c_void);
    }
    static TAG: u8 = 0;
    let tag = (&raw const TAG).cast_mut().cast();
    // SAFETY: only handlers with our tag are run and removed, and `run` is a function that lives as long as the program.
    unsafe {
        __cxa_finalize(tag);
        __cxa_atexit(run, std::ptr::null_mut(), tag);
    }
}
