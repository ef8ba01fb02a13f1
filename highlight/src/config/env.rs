//! What the environment says, and how a setting that cannot be used is named.

use std::time::Duration;

use percent_encoding::percent_decode_str;

use crate::error::Error;

/// The environment, as far as it is set: an empty variable is none, as in the OpenTelemetry specification.
pub(super) struct Env<'a>(pub(super) &'a dyn Fn(&str) -> Option<String>);

impl Env<'_> {
    pub(super) fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.trim().is_empty())
    }

    /// The first of the variables that is set.
    pub(super) fn first(&self, names: &[&'static str]) -> Option<(&'static str, String)> {
        names.iter().find_map(|name| Some((*name, self.get(name)?)))
    }

    pub(super) fn millis(&self, names: &[&'static str]) -> Result<Option<Duration>, Error> {
        let Some((setting, given)) = self.first(names) else {
            return Ok(None);
        };
        match given.trim().parse() {
            Ok(millis) => Ok(Some(Duration::from_millis(millis))),
            Err(_) => Err(invalid(
                setting,
                &given,
                "give whole milliseconds, such as 5000",
            )),
        }
    }
}

/// The `key=value,key=value` form of OpenTelemetry's variables; values are percent-encoded.
pub(super) fn pairs(variable: &'static str, env: &Env<'_>) -> Result<Vec<(String, String)>, Error> {
    let text = env.get(variable).unwrap_or_default();
    let entries = text
        .split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty());
    entries
        .map(|entry| {
            // The entry itself may be a secret.
            let malformed = || invalid(variable, "…", "give key=value pairs separated by commas");
            let (key, value) = entry.split_once('=').ok_or_else(malformed)?;
            let value = percent_decode_str(value.trim())
                .decode_utf8()
                .map_err(|_| malformed())?;
            Ok((key.trim().to_owned(), value.into_owned()))
        })
        .collect()
}

pub(super) fn invalid(setting: &'static str, given: &str, reason: impl Into<String>) -> Error {
    Error::InvalidSetting {
        setting,
        given: given.chars().take(200).collect(),
        reason: reason.into(),
    }
}
