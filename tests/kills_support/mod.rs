//! The parts of the drill with kills: the one that is killed, its load, its peers, and the books that are compared.

pub(crate) mod archive;
pub(crate) mod books;
pub(crate) mod load;
pub(crate) mod receiver;
pub(crate) mod stored;
pub(crate) mod victim;
