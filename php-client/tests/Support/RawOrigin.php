<?php

declare(strict_types=1);

namespace Hawser\Tests\Support;

use Closure;
use RuntimeException;

/**
 * An origin that follows a script, octet by octet, in processes of its own: each connection is served by a fork.
 */
final class RawOrigin
{
    private function __construct(public readonly string $url, private readonly int $pid) {}

    public function __destruct()
    {
        posix_kill($this->pid, \SIGKILL);
        pcntl_waitpid($this->pid, $status);
    }

    /**
     * @param Closure(resource): mixed $serve   gets each connection
     * @param string|null              $pemFile certificate and key; null: cleartext
     */
    public static function run(Closure $serve, ?string $pemFile = null): self
    {
        $context = stream_context_create(['ssl' => ['local_cert' => $pemFile ?? '']]);
        $server = stream_socket_server('tcp://127.0.0.1:0', $errno, $error, \STREAM_SERVER_BIND | \STREAM_SERVER_LISTEN, $context) ?: throw new RuntimeException('cannot listen');
        $port = (int) substr((string) strrchr((string) stream_socket_get_name($server, false), ':'), 1);
        $pid = pcntl_fork();
        if ($pid === 0) {
            pcntl_signal(\SIGCHLD, \SIG_IGN);
            while (($stream = @stream_socket_accept($server, 3600)) !== false) {
                if (pcntl_fork() === 0) {
                    if ($pemFile === null || @stream_socket_enable_crypto($stream, true, \STREAM_CRYPTO_METHOD_TLS_SERVER) === true) {
                        $serve($stream);
                    }
                    fclose($stream);
                    posix_kill((int) getmypid(), \SIGKILL);
                }
                fclose($stream);
            }
            posix_kill((int) getmypid(), \SIGKILL);
        }
        fclose($server);

        return new self(($pemFile === null ? 'http' : 'https') . "://localhost:{$port}", $pid);
    }

    /**
     * Serves requests until the connection ends: each gets what `$answer` makes of its head and body.
     *
     * @param Closure(string, string): string $answer
     *
     * @return Closure(resource): void
     */
    public static function answering(Closure $answer): Closure
    {
        return static function (mixed $stream) use ($answer): void {
            /** @var resource $stream */
            while (($head = self::head($stream)) !== '') {
                $body = '';
                if (preg_match('/^content-length: *(\d+)/mi', $head, $match) === 1) {
                    $body = (string) stream_get_contents($stream, (int) $match[1]);
                } elseif (preg_match('/^transfer-encoding: *chunked/mi', $head) === 1) {
                    while (($size = hexdec(trim((string) fgets($stream)))) > 0) {
                        $body .= stream_get_contents($stream, (int) $size);
                        fgets($stream);
                    }
                    fgets($stream);
                }
                fwrite($stream, $answer($head, $body));
            }
        };
    }

    /**
     * @param resource $stream
     */
    public static function head($stream): string
    {
        $head = '';
        while (($line = fgets($stream)) !== false && $line !== "\r\n") {
            $head .= $line;
        }

        return $head;
    }
}
