//! The command table: every named intent with its title, its help, its keys and where it holds. Keys,
//! palette, mouse, help, footer, the README's key table and the check of `[keys]` derive from it.

use std::fmt;

/// Where a command holds. A key is looked up in the innermost context first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Scope {
    /// Everywhere.
    Global,
    /// In every list.
    List,
    /// In charts.
    Chart,
    /// In the runs table.
    Runs,
    /// In tables whose rows can be marked.
    Marks,
    /// In the list of pipeline runs and on the page of one.
    Pipelines,
    /// In the journal and on the page of a write.
    Journal,
}

impl Scope {
    /// The heading in help.
    pub fn title(self) -> &'static str {
        match self {
            Self::Global => "Everywhere",
            Self::List => "Lists",
            Self::Chart => "Charts",
            Self::Runs => "Runs",
            Self::Marks => "Marks",
            Self::Pipelines => "Pipeline runs",
            Self::Journal => "Journal",
        }
    }
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The command.
    pub command: Command,
    /// The stable id, as in `[keys]`.
    pub id: &'static str,
    /// Two or three words for footer and palette.
    pub title: &'static str,
    /// One sentence for help.
    pub doc: &'static str,
    /// Default keys, each a sequence.
    pub keys: &'static [&'static str],
    /// Where it holds.
    pub scope: Scope,
    /// The group in help: move, find, look, out.
    pub group: Group,
}

/// The groups of help and of the README's table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Group {
    /// Moving about.
    Move,
    /// Finding things.
    Find,
    /// Changing how things look.
    Look,
    /// Changing what servers hold: each opens a sheet first.
    Act,
    /// Leaving, copying, switching.
    Out,
}

impl Group {
    /// The heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Move => "Move",
            Self::Find => "Find",
            Self::Look => "Look",
            Self::Act => "Act",
            Self::Out => "Out",
        }
    }
}

macro_rules! commands {
    ($( $name:ident $id:literal $group:ident $scope:ident [$($key:literal)*] $title:literal $doc:literal; )*) => {
        /// A named intent: what keys, palette and mouse resolve to.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Command { $( #[doc = $doc] $name, )* }

        /// Every command, in the order of help.
        pub const COMMANDS: &[Row] = &[ $( Row {
            command: Command::$name, id: $id, title: $title, doc: $doc, keys: &[$($key),*],
            scope: Scope::$scope, group: Group::$group,
        }, )* ];
    };
}

commands! {
    Up "move.up" Move List ["k" "up"] "up" "Moves up a row.";
    Down "move.down" Move List ["j" "down"] "down" "Moves down a row.";
    PageUp "move.page-up" Move List ["pageup"] "page up" "Moves up a page.";
    PageDown "move.page-down" Move List ["pagedown"] "page down" "Moves down a page.";
    HalfUp "move.half-up" Move List ["ctrl-u"] "half page up" "Moves up half a page.";
    HalfDown "move.half-down" Move List ["ctrl-d"] "half page down" "Moves down half a page.";
    First "move.first" Move List ["g g" "home"] "first" "Moves to the first row.";
    Last "move.last" Move List ["G" "end"] "last" "Moves to the last row.";
    Left "move.left" Move List ["h" "left"] "left" "Moves a column left, or the chart cursor back.";
    Right "move.right" Move List ["l" "right"] "right" "Moves a column right, or the chart cursor on.";
    Open "go.open" Move List ["enter"] "open" "Opens the selected row.";
    Back "go.back" Move Global ["esc" "backspace"] "back" "Goes back: closes the page, the filter or the dialog.";
    HistoryBack "go.history-back" Move Global ["[" ","] "earlier place" "Goes to the place before, as in a browser.";
    HistoryForward "go.history-forward" Move Global ["]" "."] "later place" "Goes forward again.";
    Triage "go.triage" Move Global ["1"] "Triage" "Shows the models in trouble, worst first.";
    Models "go.models" Move Global ["2"] "Models" "Shows every registered model.";
    Experiments "go.experiments" Move Global ["3"] "Experiments" "Shows experiments and their runs.";
    Drift "go.drift" Move Global ["4"] "Drift" "Shows every model whose drift is watched, worst first.";
    Deployments "go.deployments" Move Global ["5"] "Deployments" "Shows every serving endpoint.";
    Pipelines "go.pipelines" Move Global ["6"] "Pipelines" "Shows the runs of all pipelines.";
    Journal "go.journal" Move Global ["8"] "Journal" "Shows what was written from this machine, and what became of it.";
    NextFocus "go.focus" Move Global ["tab"] "other part" "Moves the focus to the next part of the pane.";
    GoModel "go.model" Move Global ["g m"] "its model" "Opens the model of the selected thing.";
    GoRun "go.run" Move Global ["g r"] "its run" "Opens the run behind the selected version.";
    GoEndpoint "go.endpoint" Move Global ["g e"] "its endpoint" "Shows the deployment that serves the selected model.";
    GoDrift "go.model-drift" Move Global ["g d"] "its drift" "Shows the drift of the selected model, feature by feature.";
    GoPipeline "go.pipeline" Move Global ["g p"] "its pipeline" "Opens the last run of the pipeline that trains the selected model.";
    GoAlerts "go.alerts" Move Global ["g a"] "alerts" "Lists every alert: firing, pending, silenced, inhibited.";
    Refresh "go.refresh" Move Global ["r"] "refresh" "Asks the sources now.";

    Filter "find.filter" Find List ["/"] "filter" "Filters the rows: words, `!word`, `column:value`, `column>1`, `/regex/`.";
    ServerFilter "find.server-filter" Find Runs ["f"] "server filter" "Filters runs in the tracker's own grammar.";
    Palette "find.palette" Find Global [":"] "commands" "Finds a command by name.";
    Anything "find.anything" Find Global [";"] "find anything" "Finds a model, experiment or deployment by name.";
    Help "find.help" Find Global ["?"] "all keys" "Lists every key that works here, and why others do not.";
    Menu "find.menu" Find List ["m"] "row menu" "Lists what can be done with the selected row.";

    Sort "look.sort" Look List ["S"] "sort" "Sorts by the next column, or turns the order round.";
    Columns "look.columns" Look List ["K"] "columns" "Chooses the columns.";
    Narrower "look.narrower" Look Global ["<"] "shorter range" "Looks at a shorter time range.";
    Wider "look.wider" Look Global [">"] "longer range" "Looks at a longer time range.";
    ZoomIn "look.zoom-in" Look Chart ["+"] "zoom in" "Zooms the chart in around the cursor.";
    ZoomOut "look.zoom-out" Look Chart ["-"] "zoom out" "Zooms the chart out.";
    ZoomReset "look.zoom-reset" Look Chart ["0"] "zoom reset" "Shows the whole chart.";
    LogScale "look.log" Look Chart ["L"] "log scale" "Switches the value axis between linear and logarithmic.";
    Smooth "look.smooth" Look Chart ["M"] "smoothing" "Steps the smoothing of the chart's lines.";
    Axis "look.axis" Look Chart ["X"] "x axis" "Switches the horizontal axis between steps and time.";
    Cursor "look.cursor" Look Chart ["v"] "chart cursor" "Puts a cursor on the chart; then left and right move it.";
    NextMarker "look.next-marker" Look Chart ["n"] "next marker" "Moves the chart cursor to the next change.";
    PrevMarker "look.prev-marker" Look Chart ["N"] "previous marker" "Moves the chart cursor to the change before.";
    Mark "look.mark" Look Marks ["space"] "mark" "Marks the selected row.";
    Unmark "look.unmark" Look Marks ["U"] "unmark all" "Takes every mark away.";
    Compare "look.compare" Look Runs ["C"] "compare" "Compares the marked rows.";
    Differences "look.differences" Look Runs ["="] "differences only" "Shows only what differs.";
    WhatChanged "look.what-changed" Look Global ["w"] "what changed" "Lists what changed around the onset of a model's trouble, or around the chart cursor.";
    History "look.history" Look Global ["H"] "history" "Shows the known changes of the selected thing.";
    AllContexts "look.all-contexts" Look Journal ["C"] "all contexts" "Shows the writes of every context, or of this one alone.";

    Promote "act.promote" Act Global ["p"] "promote" "Opens the gate sheet of the selected version or model, or of the marked models.";
    RollBack "act.roll-back" Act Global ["b"] "roll back" "Plans the way back to the version that was last good, alias and serving in one.";
    Approve "act.approve" Act Global ["A"] "approve" "Approves the promotion of the selected version, as a second person.";
    Acknowledge "act.acknowledge" Act Global ["a"] "acknowledge" "Tells every console that somebody sees to the model's trouble.";
    Silence "act.silence" Act Global ["s"] "silence" "Mutes an alert for a time, or ends that.";
    Edit "act.edit" Act Global ["e"] "edit" "Edits tags and description of the selected model or version.";
    Freeze "act.freeze" Act Global [] "freeze" "Suspends writes to the model, for every console, for a time.";
    Thaw "act.thaw" Act Global [] "end freeze" "Ends a freeze, or an acknowledgement.";
    Retrain "act.retrain" Act Global ["t"] "retrain" "Trains the selected model again: asks for the parameters of its pipeline, then for consent.";
    CancelRun "act.cancel-run" Act Pipelines ["D"] "cancel run" "Asks the selected pipeline run to end.";
    RetryRun "act.retry-run" Act Pipelines ["R"] "retry run" "Runs the failed tasks of the pipeline run again, with what comes after them.";
    PromoteTrained "act.promote-trained" Act Global ["P"] "gates of the newest" "Opens the gate sheet of the version that a training asked for here registered last.";
    Undo "act.undo" Act Global ["z"] "undo" "Plans the inverse of your last write here.";
    Arm "act.arm" Act Global ["!"] "arm" "Arms this process for writes for five minutes, where the context asks for it.";
    Follow "act.follow" Act Global ["F"] "follow" "Opens the page of the write on its way, or of the last one.";
    Check "act.check" Act Journal ["V"] "check now" "Looks up what became of the selected write; sends nothing that changes anything.";

    CopyRow "out.copy-row" Out List ["y"] "copy row" "Copies the selected row.";
    CopyPane "out.copy-pane" Out Global ["Y"] "copy pane" "Copies the pane as Markdown.";
    Link "out.link" Out Global ["o"] "link" "Copies the link to the selected thing's page or runbook.";
    Contexts "out.contexts" Out Global ["c"] "contexts" "Switches to another context.";
    Mouse "out.mouse" Out Global ["ctrl-t"] "mouse" "Gives the mouse to the terminal, or takes it back.";
    Repaint "out.repaint" Out Global ["ctrl-l"] "repaint" "Draws the whole screen again.";
    Suspend "out.suspend" Out Global ["ctrl-z"] "suspend" "Hands the terminal back to the shell; `fg` returns.";
    Quit "out.quit" Out Global ["q" "ctrl-c"] "leave" "Leaves the program.";
}

/// Keys that the design keeps for verbs this version does not have, with their words.
pub const RESERVED: &[(&str, &str)] = &[("7", "Features"), ("x", "traffic")];

impl Command {
    /// Its row.
    pub fn row(self) -> &'static Row {
        // The macro lists variants and rows in one order.
        &COMMANDS[self as usize]
    }

    /// The command with an id.
    pub fn by_id(id: &str) -> Option<Self> {
        COMMANDS.iter().find(|r| r.id == id).map(|r| r.command)
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intent::chord::Chord;
    use std::collections::HashSet;

    #[test]
    fn rows_and_variants_agree_and_ids_are_unique() {
        let mut ids = HashSet::new();
        for row in COMMANDS {
            assert_eq!(row.command.row().id, row.id);
            assert!(ids.insert(row.id), "{} twice", row.id);
            assert!(row.doc.ends_with('.'), "{}", row.id);
        }
    }

    #[test]
    fn default_keys_are_keys_and_none_needs_alt_or_hurts_a_multiplexer() {
        for row in COMMANDS {
            for key in row.keys {
                for chord in Chord::parse_sequence(key).expect(key) {
                    assert!(!chord.alt, "{key}");
                    let taken = [
                        "ctrl-b", "ctrl-a", "ctrl-o", "ctrl-p", "ctrl-q", "ctrl-s", "ctrl-w",
                    ];
                    assert!(!taken.contains(&chord.to_string().as_str()), "{key}");
                }
            }
        }
    }

    #[test]
    fn reserved_keys_are_free() {
        for (key, _) in RESERVED {
            assert!(
                !COMMANDS.iter().any(|r| r.keys.contains(key)),
                "{key} is taken"
            );
        }
    }
}
