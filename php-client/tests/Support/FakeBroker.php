<?php

declare(strict_types=1);

namespace Hawser\Tests\Support;

use Closure;
use Hawser\Internal\Outage;
use RuntimeException;
use Throwable;

/**
 * A broker that follows a script, frame by frame, in a process of its own: a good one would not misbehave on demand.
 */
final class FakeBroker
{
    private string $report = '';

    /**
     * @param resource $reports
     */
    private function __construct(public readonly string $socket, private readonly int $pid, private readonly mixed $reports) {}

    public function __destruct()
    {
        $this->kill();
        @unlink($this->socket);
        @unlink(Outage::file($this->socket));
    }

    /**
     * Listens, and runs the script in a forked process. What the script returns comes out of `report()`.
     *
     * @param Closure(self): mixed $script
     */
    public static function run(Closure $script, ?string $socket = null): self
    {
        $socket ??= self::path();
        @unlink($socket);
        $server = stream_socket_server("unix://{$socket}") ?: throw new RuntimeException("cannot listen on {$socket}");
        $pair = stream_socket_pair(\STREAM_PF_UNIX, \STREAM_SOCK_STREAM, 0) ?: throw new RuntimeException('no socket pair');
        $pid = pcntl_fork();
        if ($pid === 0) {
            $broker = new self($socket, 0, $server);
            try {
                $result = ['result' => $script($broker)];
            } catch (Throwable $e) {
                $result = ['failure' => (string) $e];
            }
            fwrite($pair[1], serialize($result));
            fclose($pair[1]);
            // No destructor and no shutdown function of the test runner may run here.
            posix_kill((int) getmypid(), \SIGKILL);
        }
        fclose($server);
        fclose($pair[1]);

        return new self($socket, $pid, $pair[0]);
    }

    public static function path(): string
    {
        return sys_get_temp_dir() . '/hawser-test-' . bin2hex(random_bytes(6)) . '.sock';
    }

    /**
     * In the script: the next client connection.
     */
    public function accept(): Peer
    {
        return new Peer(stream_socket_accept($this->reports, 10) ?: throw new RuntimeException('no client connected'));
    }

    /**
     * In the script: whether a client connects within this time.
     */
    public function isCalled(float $seconds): bool
    {
        $peer = @stream_socket_accept($this->reports, $seconds);

        return $peer !== false;
    }

    /**
     * In the test: waits for what the script returned.
     */
    public function report(): mixed
    {
        stream_set_timeout($this->reports, 15);
        if ($this->report === '') {
            $this->report = (string) stream_get_contents($this->reports);
        }
        $report = $this->report === '' ? null : unserialize($this->report);
        if (!\is_array($report)) {
            throw new RuntimeException('the fake broker did not report');
        }
        if (\is_string($report['failure'] ?? null)) {
            throw new RuntimeException('fake broker: ' . $report['failure']);
        }

        return $report['result'] ?? null;
    }

    public function kill(): void
    {
        if ($this->pid > 0) {
            @posix_kill($this->pid, \SIGKILL);
            pcntl_waitpid($this->pid, $status);
        }
    }
}
