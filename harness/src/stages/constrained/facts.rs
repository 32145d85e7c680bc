//! A constrained stage records its rounds, as every stage with load does.

use crate::measure::own::no_facts;

no_facts! {
    /// Has only the facts that every stage records.
    Stage
}

no_facts! {
    /// Has only the facts that every instance records.
    Instance
}
