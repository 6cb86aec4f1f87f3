//! What stands in front of several servers: each connection goes to the next one that takes it.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io,
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// Dropped, it takes no more connections.
pub struct Balancer {
    pub address: SocketAddr,
    servers: Arc<Mutex<Vec<SocketAddr>>>,
    accepting: JoinHandle<()>,
}

impl Balancer {
    pub async fn before(servers: Vec<SocketAddr>) -> Balancer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let servers = Arc::new(Mutex::new(servers));
        let (known, turn) = (Arc::clone(&servers), Arc::new(AtomicUsize::new(0)));
        let accepting = tokio::spawn(async move {
            while let Ok((terminal, _)) = listener.accept().await {
                tokio::spawn(forward(terminal, Arc::clone(&known), Arc::clone(&turn)));
            }
        });
        Balancer { address, servers, accepting }
    }

    /// A server was started again, elsewhere.
    pub fn replace(&self, index: usize, address: SocketAddr) {
        self.servers.lock().unwrap()[index] = address;
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn forward(mut terminal: TcpStream, servers: Arc<Mutex<Vec<SocketAddr>>>, turn: Arc<AtomicUsize>) {
    let servers = servers.lock().unwrap().clone();
    for _ in 0..servers.len() {
        let next = servers[turn.fetch_add(1, Ordering::Relaxed) % servers.len()];
        if let Ok(mut server) = TcpStream::connect(next).await {
            let _ = io::copy_bidirectional(&mut terminal, &mut server).await;
            return;
        }
    }
}
