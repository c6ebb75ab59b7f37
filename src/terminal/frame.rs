//! What ratatui draws into: a buffer whose bytes are one frame, and empty when nothing changed.

use std::io;

use ratatui::backend::{Backend, ClearType, CrosstermBackend, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};

/// DEC mode 2026: a terminal shows nothing of what comes between these two until the second.
/// Begin and end travel in one write, because terminals give up waiting after a fraction of a second.
const BEGIN: &[u8] = b"\x1b[?2026h";
const END: &[u8] = b"\x1b[?2026l";

/// The bytes of one frame, synchronized-update bracket included. Made by [`FrameBackend::take`].
#[derive(Debug, PartialEq, Eq)]
pub struct Frame(Vec<u8>);

impl Frame {
    /// The bytes as they go to the terminal.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The buffer, for the next frame.
    pub(super) fn into_buffer(self) -> Vec<u8> {
        self.0
    }

    #[cfg(test)]
    pub(super) fn of(content: &[u8]) -> Self {
        Self([BEGIN, content, END].concat())
    }
}

/// A `ratatui` backend that collects bytes instead of writing them.
///
/// It answers size and cursor from memory, so drawing makes no system call, and it leaves out what
/// the terminal already shows: an unchanged screen gives no bytes at all.
#[derive(Debug)]
pub struct FrameBackend {
    bytes: Vec<u8>,
    size: Size,
    cursor_shown: Option<bool>,
    cursor: Option<Position>,
}

impl FrameBackend {
    /// A backend for a terminal of `size`, whose cursor state is not known.
    pub fn new(size: Size) -> Self {
        Self {
            bytes: Vec::new(),
            size,
            cursor_shown: None,
            cursor: None,
        }
    }

    /// The new size, from a resize event or after a suspension. The next draw repaints everything
    /// if it differs; `Terminal::clear` forces that.
    pub fn set_size(&mut self, size: Size) {
        self.size = size;
    }

    /// Forgets what the terminal shows, after it was left and entered again or someone else wrote
    /// to it. Call `Terminal::clear` next.
    pub fn forget(&mut self) {
        self.cursor_shown = None;
        self.cursor = None;
        self.bytes.clear();
    }

    /// Puts bytes that are not cells (a title, a mode, the clipboard) into the frame.
    pub fn append(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.out().extend_from_slice(bytes);
        }
    }

    /// Whether anything has changed since the last [`take`](Self::take).
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The frame to submit, or `None` when the screen is already right. `spare` is a used buffer.
    ///
    /// Take only when the writer is ready: what is left here is still valid after further draws.
    pub fn take(&mut self, spare: Option<Vec<u8>>) -> Option<Frame> {
        if self.bytes.is_empty() {
            return None;
        }
        let mut next = spare.unwrap_or_default();
        next.clear();
        let mut bytes = std::mem::replace(&mut self.bytes, next);
        bytes.extend_from_slice(END);
        Some(Frame(bytes))
    }

    fn out(&mut self) -> &mut Vec<u8> {
        if self.bytes.is_empty() {
            self.bytes.extend_from_slice(BEGIN);
        }
        &mut self.bytes
    }

    fn crossterm(&mut self) -> CrosstermBackend<&mut Vec<u8>> {
        CrosstermBackend::new(self.out())
    }

    fn show(&mut self, shown: bool) -> io::Result<()> {
        if self.cursor_shown == Some(shown) {
            return Ok(());
        }
        self.cursor_shown = Some(shown);
        if shown {
            self.crossterm().show_cursor()
        } else {
            self.crossterm().hide_cursor()
        }
    }
}

impl Backend for FrameBackend {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let mut content = content.peekable();
        if content.peek().is_none() {
            return Ok(());
        }
        self.cursor = None;
        self.crossterm().draw(content)
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        self.show(false)
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        self.show(true)
    }

    /// From memory: asking the terminal would take its answer away from the event stream.
    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Ok(self.cursor.unwrap_or_default())
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        let position = position.into();
        if self.cursor == Some(position) {
            return Ok(());
        }
        self.cursor = Some(position);
        self.crossterm().set_cursor_position(position)
    }

    fn clear(&mut self) -> io::Result<()> {
        self.crossterm().clear()
    }

    fn clear_region(&mut self, clear_type: ClearType) -> io::Result<()> {
        self.crossterm().clear_region(clear_type)
    }

    fn size(&self) -> io::Result<Size> {
        Ok(self.size)
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        Ok(WindowSize {
            columns_rows: self.size,
            pixels: Size::default(),
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::Terminal;
    use ratatui::style::Stylize as _;
    use ratatui::widgets::Paragraph;

    fn terminal() -> Terminal<FrameBackend> {
        Terminal::new(FrameBackend::new(Size::new(40, 10))).unwrap()
    }

    fn draw(
        terminal: &mut Terminal<FrameBackend>,
        text: &str,
        cursor: Option<(u16, u16)>,
    ) -> usize {
        terminal
            .draw(|f| {
                f.render_widget(Paragraph::new(text.bold()), f.area());
                if let Some(at) = cursor {
                    f.set_cursor_position(at);
                }
            })
            .unwrap();
        terminal
            .backend_mut()
            .take(None)
            .map_or(0, |f| f.as_bytes().len())
    }

    #[test]
    fn an_unchanged_frame_has_no_bytes() {
        let mut t = terminal();
        assert!(draw(&mut t, "hello", None) > 0);
        for _ in 0..3 {
            assert_eq!(draw(&mut t, "hello", None), 0);
        }
        assert!(draw(&mut t, "hellp", None) > 0);
        assert_eq!(draw(&mut t, "hellp", None), 0);
    }

    #[test]
    fn a_still_text_cursor_has_no_bytes_either() {
        let mut t = terminal();
        draw(&mut t, "name:", Some((5, 0)));
        assert_eq!(draw(&mut t, "name:", Some((5, 0))), 0);
        assert!(draw(&mut t, "name:", Some((4, 0))) > 0, "it moved");
        assert!(draw(&mut t, "name:", None) > 0, "it went");
        assert_eq!(draw(&mut t, "name:", None), 0);
    }

    #[test]
    fn drawing_moves_the_cursor_back_to_its_place() {
        let mut t = terminal();
        draw(&mut t, "a", Some((3, 0)));
        t.draw(|f| {
            f.render_widget(Paragraph::new("b"), f.area());
            f.set_cursor_position((3, 0));
        })
        .unwrap();
        let frame = t.backend_mut().take(None).unwrap();
        let text = String::from_utf8_lossy(frame.as_bytes()).into_owned();
        assert!(text.contains("\x1b[1;4H"), "{text:?}");
    }

    #[test]
    fn one_bracket_surrounds_all_draws_that_were_not_taken() {
        let mut t = terminal();
        t.draw(|f| f.render_widget(Paragraph::new("one"), f.area()))
            .unwrap();
        t.draw(|f| f.render_widget(Paragraph::new("two"), f.area()))
            .unwrap();
        let frame = t.backend_mut().take(Some(Vec::with_capacity(64))).unwrap();
        assert!(frame.as_bytes().starts_with(BEGIN));
        assert!(frame.as_bytes().ends_with(END));
        let text = String::from_utf8_lossy(frame.as_bytes()).into_owned();
        assert_eq!(text.matches("\x1b[?2026").count(), 2);
    }

    #[test]
    fn clearing_repaints_without_asking_the_terminal() {
        let mut t = terminal();
        let first = draw(&mut t, "hello", None);
        t.backend_mut().forget();
        t.clear().unwrap();
        assert!(draw(&mut t, "hello", None) >= first - BEGIN.len());
    }

    #[test]
    fn a_new_size_repaints() {
        let mut t = terminal();
        draw(&mut t, "hello", None);
        t.backend_mut().set_size(Size::new(30, 8));
        assert!(draw(&mut t, "hello", None) > 0);
        assert_eq!(draw(&mut t, "hello", None), 0);
    }
}
