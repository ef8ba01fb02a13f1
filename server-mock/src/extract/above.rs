//! What stands above the records of a scope, and is repeated in the rows of each.

use super::attributes::Layer;
use super::room::{Bounds, TooLarge};
use crate::wire::{Group, Malformed, Scope};

/// The attributes of a resource and a scope.
#[derive(Debug)]
pub(super) struct Above<'r, 'a> {
    pub(super) resource: &'r Layer<'a>,
    pub(super) scope: &'r Layer<'a>,
    /// How many bytes they are flattened to, if there is room for what they nest.
    inherited: Result<usize, TooLarge>,
}

impl<'r, 'a> Above<'r, 'a> {
    /// A scope of a resource that is measured already, so that its scopes share the room it takes.
    pub(super) fn new(
        (resource, inherited): (&'r Layer<'a>, Result<usize, TooLarge>),
        scope: &'r Layer<'a>,
        bounds: &mut Bounds,
    ) -> Self {
        Self {
            resource,
            scope,
            inherited: inherited.and_then(|bytes| Ok(bytes + bounds.above(scope)?)),
        }
    }

    /// Takes room for a row that inherits all of it, and so many bytes besides.
    pub(super) fn inherit(&self, besides: usize, bounds: &mut Bounds) -> Result<(), TooLarge> {
        bounds.inherit(self.inherited?.saturating_add(besides))
    }
}

/// Calls `take` with every scope of a request.
pub(super) fn each_scope<'a>(
    request: &'a [u8],
    mut take: impl FnMut(&Scope<'a>, &Above<'_, 'a>, &mut Bounds) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let mut bounds = Bounds::of(request.len());
    Group::each(request, |mut group| {
        let resource = Layer::new(std::mem::take(&mut group.attributes));
        let inherited = bounds.above(&resource);
        group.each_scope(|mut scope| {
            let attributes = Layer::new(std::mem::take(&mut scope.attributes));
            let above = Above::new((&resource, inherited), &attributes, &mut bounds);
            take(&scope, &above, &mut bounds)
        })
    })
}
