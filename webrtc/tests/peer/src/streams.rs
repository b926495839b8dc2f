//! The protocols of the tests, which `tests/lib/protocols.mjs` speaks too.
use futures::{AsyncReadExt as _, AsyncWriteExt as _, future::pending, io};
use libp2p::{Stream, StreamProtocol};

/// Sends back what comes, until its end.
pub const ECHO: StreamProtocol = StreamProtocol::new("/test/echo/1");
/// Reads to the end, then answers with how many bytes there were (8 bytes, big endian).
pub const SINK: StreamProtocol = StreamProtocol::new("/test/sink/1");
/// Is accepted and never read.
pub const DEAF: StreamProtocol = StreamProtocol::new("/test/deaf/1");

const CHUNK: usize = 64 * 1024;

/// Serves one stream.
pub async fn serve(protocol: StreamProtocol, mut stream: Stream) -> io::Result<()> {
    if protocol == ECHO {
        let mut buffer = vec![0; CHUNK];
        loop {
            let bytes = stream.read(&mut buffer).await?;
            if bytes == 0 {
                return stream.close().await;
            }
            stream.write_all(&buffer[..bytes]).await?;
        }
    } else if protocol == SINK {
        let total = drain(&mut stream, |_, _| true).await?;
        stream.write_all(&total.to_be_bytes()).await?;
        stream.close().await
    } else {
        pending().await
    }
}

/// Sends `total` bytes and closes the writing half, while what is echoed is read to its end and compared.
pub async fn echo(stream: Stream, total: u64) -> io::Result<()> {
    let (mut reader, mut writer) = stream.split();
    let write = async {
        write_pattern(&mut writer, total).await?;
        writer.close().await
    };
    let (written, read) = futures::future::join(write, drain(&mut reader, |at, byte| byte == pattern(at))).await;
    written?;
    let read = read?;
    if read == total {
        Ok(())
    } else {
        Err(io::Error::other(format!(
            "{total} bytes were sent and {read} came back"
        )))
    }
}

/// Sends `total` bytes, closes the writing half, and then reads how many have arrived.
pub async fn sink(mut stream: Stream, total: u64) -> io::Result<u64> {
    write_pattern(&mut stream, total).await?;
    stream.close().await?;
    let mut arrived = [0; 8];
    stream.read_exact(&mut arrived).await?;
    Ok(u64::from_be_bytes(arrived))
}

/// The byte at a place of what is sent. No power of two repeats it.
fn pattern(at: u64) -> u8 {
    (at % 251) as u8
}

async fn write_pattern(stream: &mut (impl futures::AsyncWrite + Unpin), total: u64) -> io::Result<()> {
    let chunk: Vec<u8> = (0..CHUNK as u64 + 251).map(pattern).collect();
    let mut sent = 0;
    while sent < total {
        let start = (sent % 251) as usize;
        let bytes = (total - sent).min(CHUNK as u64) as usize;
        stream.write_all(&chunk[start..start + bytes]).await?;
        sent += bytes as u64;
    }
    Ok(())
}

async fn drain(stream: &mut (impl futures::AsyncRead + Unpin), is_right: impl Fn(u64, u8) -> bool) -> io::Result<u64> {
    let mut buffer = vec![0; CHUNK];
    let mut total = 0;
    loop {
        let bytes = stream.read(&mut buffer).await?;
        if bytes == 0 {
            return Ok(total);
        }
        if !buffer[..bytes]
            .iter()
            .zip(total..)
            .all(|(byte, at)| is_right(at, *byte))
        {
            return Err(io::Error::other("other bytes came than were sent"));
        }
        total += bytes as u64;
    }
}
