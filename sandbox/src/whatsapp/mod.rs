mod repairs;
mod spec;
