<?php

declare(strict_types=1);

namespace Hawser\Internal\Connection;

use Hawser\ClientOptions;
use Hawser\Internal\Outage;
use Hawser\Internal\Wire\Codecs;

/**
 * Gives all clients of one PHP request the one connection to their broker. Static, because what it stands for is:
 * `pfsockopen` hands out the same stream to everyone in the process who names the same path, and two HELLOs on it would
 * cancel each other's exchanges.
 *
 * @internal
 */
final class Link
{
    /** After a broker took a connection and said nothing, it is left alone this long: each try costs a whole timeout. */
    private const SILENCE_NS = 1_000_000_000;

    /** @var array<string, self> by path and window */
    private static array $links = [];

    private ?Connection $connection = null;

    /** The one on the kept stream; it may still finish exchanges when another has taken its place. */
    private ?Connection $kept = null;

    private int $pid;

    private int $silentUntilNs = 0;

    private function __construct(
        private readonly string $path,
        private readonly int $windowBytes,
        private readonly bool $isPersistent,
    ) {
        $this->pid = (int) getmypid();
    }

    public static function to(ClientOptions $options): self
    {
        $key = $options->socket . '|' . $options->windowBytes;
        $link = self::$links[$key] ?? null;
        if ($link === null) {
            if (self::$links === []) {
                register_shutdown_function(self::endRequest(...));
            }
            // HELLO sets the window of a whole connection, so another window needs another socket; only the first is kept.
            $isPersistent = true;
            foreach (self::$links as $other) {
                $isPersistent = $isPersistent && $other->path !== $options->socket;
            }
            $link = self::$links[$key] = new self($options->socket, $options->windowBytes, $isPersistent);
        }

        return $link;
    }

    /**
     * The connection, where there is one that takes new exchanges.
     */
    public function connection(): ?Connection
    {
        if ($this->connection !== null && $this->pid !== getmypid()) {
            // A forked child holds a copy of its parent's socket: it lets go of the copy and must not write on it.
            $this->connection->abandon('the process was forked');
            $this->kept?->abandon('the process was forked');
            $this->connection = null;
            $this->pid = (int) getmypid();
        }

        return $this->connection?->takesExchanges() === true ? $this->connection : null;
    }

    /**
     * A new connection, where `connection` gave none.
     *
     * @throws CannotOpen
     */
    public function open(int $connectTimeoutMs, Outage $outage): Connection
    {
        if ($this->silentUntilNs > 0 && (int) hrtime(true) < $this->silentUntilNs) {
            throw new CannotOpen("{$this->path}: the broker did not answer a moment ago");
        }
        $this->silentUntilNs = 0;
        // While one that drains still uses the kept stream, pfsockopen would return that very stream again.
        $isPersistent = $this->isPersistent && $this->kept?->isClosed() !== false;
        $socket = Socket::open($this->path, $isPersistent, $connectTimeoutMs);
        if (!$socket->isKept && $outage->isSilent($connectTimeoutMs)) {
            $socket->close();

            throw new CannotOpen("{$this->path}: the broker did not answer another process a moment ago");
        }
        $this->connection = new Connection(
            $socket,
            Codecs::default(),
            $this->windowBytes,
            $connectTimeoutMs,
            function () use ($outage): void {
                $this->silentUntilNs = (int) hrtime(true) + self::SILENCE_NS;
                $outage->noteSilence();
            },
            // A kept connection has seen no absence of its broker, and asks for no news of one.
            $socket->isKept ? null : $outage->end(...),
        );
        if ($isPersistent) {
            $this->kept = $this->connection;
        }

        return $this->connection;
    }

    /**
     * The connection, where exchanges are open on it.
     */
    public function busyConnection(): ?Connection
    {
        return $this->connection?->isBusy() === true ? $this->connection : null;
    }

    /**
     * Runs when the PHP request ends, also by its time limit, where no destructor runs.
     */
    private static function endRequest(): void
    {
        $error = error_get_last();
        $isFatal = $error !== null && ($error['type'] & (E_ERROR | E_CORE_ERROR | E_COMPILE_ERROR | E_USER_ERROR | E_RECOVERABLE_ERROR)) !== 0;
        foreach (self::$links as $link) {
            if ($link->pid === getmypid()) {
                $link->connection?->endRequest($isFatal);
                $link->kept?->endRequest($isFatal);
            }
        }
    }
}
