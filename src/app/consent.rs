//! From a wish to a confirmed plan: the sheet opens, follows the facts while they arrive, hears the person
//! who consents, and hands the plans on. What the sheet itself holds is in [`super::sheet`].

use super::sheet::{Focus, Part, Pressed, Sheet, Shown};
use super::{App, Effects};
use crate::domain::action::verbs::basis::NoPlan;
use crate::domain::action::{Consent, Mode, Plan, PlanId, Planning, Refusal, Wish, confirm_all};
use crate::domain::fault::Fault;
use crate::domain::fleet::gates::{self, Details, SignedApproval};
use crate::domain::key::SourceId;
use crate::domain::query::{Detail, Query};
use crate::domain::text::Clean;
use crate::domain::time::{Millis, Now};
use crate::intent::chord::{Chord, Code};
use crate::intent::msg::Effect;

impl App {
    /// Opens the sheet of a wish, or says why there can be none.
    pub(super) fn wish(&mut self, wish: Wish) {
        self.wish_all(vec![wish], Vec::new());
    }

    /// Opens the sheet of several wishes under one consent, or says why there can be none. What was chosen
    /// and could not even be wished is `left_out`, in words.
    pub(super) fn wish_all(&mut self, wishes: Vec<Wish>, left_out: Vec<Clean>) {
        if let Err(why) = self.open_sheet(wishes, left_out) {
            self.say(why);
        }
    }

    /// Opens the sheet of several wishes under one consent. What cannot be planned is left out too, and
    /// named.
    ///
    /// # Errors
    /// When nothing can be planned, in words.
    pub(super) fn open_sheet(
        &mut self,
        wishes: Vec<Wish>,
        mut left_out: Vec<Clean>,
    ) -> Result<(), Clean> {
        let Some(verb) = wishes.first().map(Wish::verb) else {
            return Err(Clean::text("nothing is selected"));
        };
        let refused = |why: &str| Clean::text(&format!("{}: {why}", verb.title()));
        if let Err(why) = self.mode().allows() {
            return Err(refused(&why.to_string()));
        }
        let stamped = self.now.wall;
        let mut parts = Vec::new();
        let several = wishes.len() + left_out.len() > 1;
        for wish in wishes {
            let id = self.plan_id();
            let none = Details::default();
            let with = self.planning(&none, stamped);
            match wish.plan(id.clone(), &with, &Clean::empty()) {
                // What is still to be read may make a plan of it.
                Err(why) if wish.needs(&self.fleet, &none).is_empty() => {
                    let why = Clean::from(why);
                    left_out.push(match wish.subject().filter(|_| several) {
                        Some(what) => Clean::text(&format!("{what}: {why}")),
                        None => why,
                    });
                }
                plan => parts.push(Part { wish, id, plan }),
            }
        }
        if parts.is_empty() {
            return Err(refused(left_out.first().map_or("", Clean::as_str)));
        }
        let revision = self.fleet.revision();
        self.sheet = Some(Sheet::new(parts, left_out, revision, stamped));
        Ok(())
    }

    fn planning<'a>(&'a self, details: &'a Details, stamped: Millis) -> Planning<'a> {
        Planning {
            fleet: &self.fleet,
            details,
            writes: &self.writing.writes,
            actor: self.actor(),
            now: self.now,
            stamped,
        }
    }

    fn plans(&self, sheet: &Sheet) -> Vec<Result<Plan, NoPlan>> {
        let with = self.planning(&sheet.details, sheet.opened);
        let reason = Clean::text(sheet.reason.as_str());
        let parts = sheet.parts.iter();
        parts
            .map(|part| part.wish.plan(part.id.clone(), &with, &reason))
            .collect()
    }

    /// Facts may have changed: the open sheet follows, and what it needs is asked for.
    pub(super) fn settle_sheet(&mut self, effects: &mut Effects) {
        let Some(mut sheet) = self.sheet.take() else {
            return;
        };
        self.follow_facts(&mut sheet);
        let promotions = sheet.parts.iter().filter_map(|part| part.wish.promotion());
        for approval in promotions.filter_map(|p| gates::approval_to_check(&self.fleet, &p)) {
            if !sheet.checking.contains(&approval) {
                effects.push(Effect::CheckSignature(Box::new(approval.clone())));
                sheet.checking.push(approval);
            }
        }
        self.sheet = Some(sheet);
    }

    /// A sheet is of the facts as they are now.
    fn follow_facts(&self, sheet: &mut Sheet) {
        let revision = self.fleet.revision();
        if sheet.revision != revision {
            sheet.revision = revision;
            let (plans, waits) = (self.plans(sheet), self.waits(sheet));
            sheet.follow(plans, waits, self.now);
        }
    }

    /// Whether something that a sheet has asked for has not been answered.
    fn waits(&self, sheet: &Sheet) -> bool {
        !self.needs_of(sheet).is_empty()
    }

    /// What the open sheet still has to read.
    pub(super) fn sheet_needs(&self) -> Vec<(SourceId, Query)> {
        let sheet = self.sheet.as_ref();
        sheet.map_or_else(Vec::new, |sheet| self.needs_of(sheet))
    }

    fn needs_of(&self, sheet: &Sheet) -> Vec<(SourceId, Query)> {
        let parts = sheet.parts.iter();
        parts
            .flat_map(|part| {
                let (fleet, details) = (&self.fleet, &sheet.details);
                let claims = part.wish.claims(fleet, details, &self.writing.writes);
                part.wish.needs(fleet, details).into_iter().chain(claims)
            })
            .collect()
    }

    /// A detail has come that the open sheet may rest on.
    pub(super) fn sheet_fetched(&mut self, query: &Query, result: &Result<Detail, Fault>) {
        let Some(mut sheet) = self.sheet.take() else {
            return;
        };
        let waited = self.waits(&sheet);
        sheet.details.absorb(query, result);
        let plans = self.plans(&sheet);
        sheet.follow(plans, waited, self.now);
        self.sheet = Some(sheet);
    }

    /// The signature of an approval was checked.
    pub(super) fn sheet_signed(&mut self, signed: SignedApproval) {
        let Some(mut sheet) = self.sheet.take() else {
            return;
        };
        sheet.details.check(signed);
        let plans = self.plans(&sheet);
        sheet.follow(plans, true, self.now);
        self.sheet = Some(sheet);
    }

    /// Whether a plan waits for consent: a burst of keys then counts as pasted.
    pub fn asks_for_consent(&self) -> bool {
        self.sheet.is_some()
    }

    /// A frame that was drawn has left for the terminal.
    pub fn frame_left(&mut self, now: Now) {
        if let Some(sheet) = &mut self.sheet
            && sheet.shown == Shown::Drawn
        {
            sheet.shown = Shown::At(now.mono);
        }
    }

    pub(super) fn sheet_drawn(&mut self) {
        if let Some(sheet) = &mut self.sheet {
            sheet.drawn();
        }
    }

    pub(super) fn sheet_paste(&mut self, text: &Clean) {
        let Some(mut sheet) = self.sheet.take() else {
            return;
        };
        if sheet.paste(text) == Pressed::Reasoned {
            let plans = self.plans(&sheet);
            sheet.take(plans);
        }
        self.sheet = Some(sheet);
    }

    pub(super) fn sheet_scroll(&mut self, rows: i16) {
        if let Some(sheet) = &mut self.sheet {
            let by = isize::from(rows);
            sheet.scroll = sheet.scroll.saturating_add_signed(by);
        }
    }

    pub(super) fn sheet_key(&mut self, chord: Chord, effects: &mut Effects) {
        let (mode, now) = (self.mode(), self.now);
        let Some(mut sheet) = self.sheet.take() else {
            return;
        };
        // What came in since the last frame is not what was read: no key may count for it.
        self.follow_facts(&mut sheet);
        let leaves = chord.code == Code::Esc;
        if !leaves && !sheet.hears(now) {
            if sheet.early(chord, now) == Pressed::Reasoned {
                let plans = self.plans(&sheet);
                sheet.take(plans);
            }
            self.sheet = Some(sheet);
            return;
        }
        let copies = matches!(chord.code, Code::Char('y' | 'Y')) && sheet.focus == Focus::Plan;
        if copies && let Some(command) = self.signing_command(&sheet) {
            effects.push(Effect::Copy(command));
            sheet.error = Some(Clean::text(
                "the command that signs it is copied: run it in a shell",
            ));
            self.sheet = Some(sheet);
            return;
        }
        match sheet.key(chord, &mode, now) {
            Pressed::Stay => self.sheet = Some(sheet),
            Pressed::Reasoned => {
                let plans = self.plans(&sheet);
                sheet.take(plans);
                self.sheet = Some(sheet);
            }
            Pressed::Close => match sheet.form.take() {
                Some(form) => self.fill_in(form),
                None => self.say("nothing was changed"),
            },
            Pressed::Confirm => self.consent(sheet, &mode, effects),
            Pressed::Change => self.choose_another(&sheet),
            Pressed::Refresh => {
                self.renew(&mut sheet);
                self.sheet = Some(sheet);
                self.say("everything that the plan rests on is read anew");
                effects.extend([Effect::Refresh(None), Effect::AskRights]);
            }
        }
    }

    /// The command that gives the approval of a sheet signed, where a gate asks for that.
    pub(super) fn signing_command(&self, sheet: &Sheet) -> Option<Clean> {
        let [part] = sheet.parts.as_slice() else {
            return None;
        };
        let with = self.planning(&sheet.details, sheet.opened);
        part.wish.signing_command(&with)
    }

    /// Everything is planned anew from what is known now, and what gates rest on is read again.
    fn renew(&mut self, sheet: &mut Sheet) {
        sheet.opened = self.now.wall;
        sheet.details.clear();
        sheet.checking.clear();
        self.wants.renew();
        let ids: Vec<PlanId> = sheet.parts.iter().map(|_| self.plan_id()).collect();
        for (part, id) in sheet.parts.iter_mut().zip(ids) {
            part.id = id;
        }
        let plans = self.plans(sheet);
        sheet.take(plans);
        sheet.begin();
    }

    fn consent(&mut self, mut sheet: Sheet, mode: &Mode, effects: &mut Effects) {
        if let Some(why) = sheet.trouble() {
            sheet.error = Some(Clean::from(why.clone()));
            self.sheet = Some(sheet);
            return;
        }
        let consent = Consent {
            typed: sheet.name.as_str().to_owned(),
            reason: Clean::text(sheet.reason.as_str()),
        };
        let plans: Vec<Plan> = sheet.plans().cloned().collect();
        match confirm_all(plans, mode, &consent, self.now) {
            Ok(confirmed) => {
                let writes = confirmed.into_iter();
                effects.extend(writes.map(|one| Effect::Write(Box::new(one))));
            }
            Err(refused) => {
                let (_, why) = *refused;
                sheet.error = Some(Clean::text(&why.to_string()));
                if why == Refusal::Expired {
                    self.renew(&mut sheet);
                    let why = "the plan had expired and was made anew: read it again";
                    sheet.error = Some(Clean::text(why));
                }
                self.sheet = Some(sheet);
            }
        }
    }
}
