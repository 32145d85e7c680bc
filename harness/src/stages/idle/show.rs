//! Shows a target without traffic.

use maud::Markup;

use crate::measure::record::StageRecord;
use crate::report::html::series::{Window, charts_of};
use crate::report::show::Show;
use crate::verdict::stage::Detail;

pub(crate) const SHOW: Show = Show { charts, ..Show::LAUNCHES };

fn charts(stage: &StageRecord, _detail: Option<&Detail>) -> Markup {
    let windows = stage.instances.iter();
    let windows = windows.filter_map(|instance| Window::without_load(instance.build, instance.facts.readings()?));
    charts_of(stage, windows.collect())
}
