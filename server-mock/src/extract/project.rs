//! Project ids, in both forms the backend reads.

use std::cell::RefCell;

use super::hashids;

/// The project ids of one request, of which there is hardly ever more than one.
#[derive(Debug, Default)]
pub(crate) struct Projects {
    last: RefCell<Option<(String, u32)>>,
}

impl Projects {
    /// The number behind an id as it was sent; the error is why the record cannot be taken.
    pub(super) fn number(&self, sent: &str) -> Result<u32, String> {
        if sent.is_empty() {
            return Err("no project id".to_owned());
        }
        let mut last = self.last.borrow_mut();
        if let Some((known, number)) = &*last
            && known == sent
        {
            return Ok(*number);
        }
        let number = parse(sent).ok_or_else(|| format!("the unusable project id `{sent}`"))?;
        *last = Some((sent.to_owned(), number));
        Ok(number)
    }
}

/// Reads a decimal or verbose project id.
fn parse(id: &str) -> Option<u32> {
    let decimal = id
        .parse::<i32>()
        .ok()
        .and_then(|number| u32::try_from(number).ok());
    decimal
        .or_else(|| hashids::decode(id))
        .filter(|number| *number > 0)
}

#[cfg(test)]
mod tests {
    use super::{Projects, parse};

    #[test]
    fn both_forms_are_read_and_nothing_else() {
        for (id, expected) in [
            ("1", Some(1)),
            ("1jdkoe52", Some(1)),
            ("2147483647", Some(2_147_483_647)),
            ("2147483648", None),
            ("0", None),
            ("-1", None),
            ("", None),
            ("nope", None),
        ] {
            assert_eq!(parse(id), expected, "{id}");
        }
    }

    #[test]
    fn each_id_has_its_own_number_whatever_came_before() {
        let projects = Projects::default();
        for (id, expected) in [
            ("1", Ok(1)),
            ("1", Ok(1)),
            ("56gl9g91", Ok(2)),
            ("x", Err("the unusable project id `x`".to_owned())),
            ("1", Ok(1)),
            ("", Err("no project id".to_owned())),
        ] {
            assert_eq!(projects.number(id), expected, "{id}");
        }
    }
}
