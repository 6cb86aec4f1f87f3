mod databases;
mod sync;
