//! What an engine can be asked to run: statements with bound values, and inserts.

/// A statement, the format of its answer and the values of its `{name:Type}` parameters.
#[derive(Debug, Clone)]
#[must_use = "a statement does nothing until an engine runs it"]
pub struct Statement {
    pub(crate) sql: String,
    pub(crate) format: String,
    pub(crate) database: Option<String>,
    pub(crate) parameters: Vec<(String, String)>,
}

impl Statement {
    /// A statement whose answer is tab-separated, unless it has a `FORMAT` clause.
    pub fn new(sql: impl Into<String>) -> Self {
        Self {
            sql: sql.into(),
            format: "TabSeparated".to_owned(),
            database: None,
            parameters: Vec::new(),
        }
    }

    /// Sets the format of the answer, by `ClickHouse`'s name for it.
    pub fn format(mut self, format: impl Into<String>) -> Self {
        self.format = format.into();
        self
    }

    /// Sets the database that unqualified names are looked up in, instead of `default`.
    pub fn database(mut self, database: impl Into<String>) -> Self {
        self.database = Some(database.into());
        self
    }

    /// Gives `{name:Type}` in the statement a value; the engine binds it, nothing is spliced.
    pub fn bind(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }
}

/// Rows to insert, in one of `ClickHouse`'s formats.
#[derive(Debug, Clone)]
#[must_use = "an insert does nothing until an engine runs it"]
pub struct Insert {
    pub(crate) sql: String,
    pub(crate) format: String,
    pub(crate) database: Option<String>,
    pub(crate) chunks: Vec<Vec<u8>>,
}

impl Insert {
    /// An insert by `INSERT INTO table (columns)`, without a `FORMAT` clause.
    pub fn new(sql: impl Into<String>, format: impl Into<String>) -> Self {
        Self {
            sql: sql.into(),
            format: format.into(),
            database: None,
            chunks: Vec::new(),
        }
    }

    /// Sets the database that unqualified names are looked up in, instead of `default`.
    pub fn database(mut self, database: impl Into<String>) -> Self {
        self.database = Some(database.into());
        self
    }

    /// Appends encoded rows; all chunks of one insert are stored together.
    pub fn chunk(mut self, rows: Vec<u8>) -> Self {
        self.chunks.push(rows);
        self
    }
}
