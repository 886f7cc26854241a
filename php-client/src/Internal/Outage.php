<?php

declare(strict_types=1);

namespace Hawser\Internal;

use Psr\Log\LoggerInterface;

/**
 * The broker's absence, as all workers of a pod see it together: whether it was logged, how many requests went direct
 * in this second, and until when a broker that does not answer is left alone. It lives in one small file in the
 * temporary folder, under a lock; there is no such file while the broker is well.
 *
 * Where that file cannot be used, each process counts for itself. Times are of hrtime(), one clock for all processes of
 * a machine.
 *
 * @internal
 *
 * Its record: silent until, start of the second, requests in it, flags.
 *
 * @phpstan-type Record array{int, int, int, int}
 */
final class Outage
{
    /** After a broker took a connection and said nothing, it is left alone this long: each try costs a whole timeout. */
    private const SILENCE_NS = 1_000_000_000;

    private const SECOND_NS = 1_000_000_000;

    /** A file older than the machine's start holds times that are still to come. */
    private const MAX_SILENCE_NS = 61 * 1_000_000_000;

    private const RECORD_BYTES = 32;

    private const AWAY_LOGGED = 1;

    private const LIMIT_LOGGED = 2;

    /** Nobody holds the lock longer than a few writes take; a stopped process may, and then nobody waits for it. */
    private const LOCK_TRIES = 50;

    private const LOCK_PAUSE_US = 200;

    /** @var array<string, Record> where there is no file to write to */
    private static array $memory = [];

    /** Found when it is needed first: most requests never ask. */
    private ?string $file = null;

    public function __construct(private readonly string $socket, private readonly ?LoggerInterface $logger) {}

    public static function file(string $socket): string
    {
        $user = \function_exists('posix_geteuid') ? posix_geteuid() : getmyuid();

        return sys_get_temp_dir() . "/hawser-{$user}-" . hash('xxh3', $socket) . '.outage';
    }

    /**
     * Counts one request that is to go direct. Whether it may.
     *
     * @param int $maxPerSecond of all workers together; 0: no limit
     */
    public function admit(int $maxPerSecond, string $reason): bool
    {
        $news = 0;
        $isAllowed = true;
        $this->change(static function (array $record) use ($maxPerSecond, &$news, &$isAllowed): array {
            [$silentUntilNs, $startNs, $count, $flags] = $record;
            $nowNs = (int) hrtime(true);
            if ($nowNs - $startNs >= self::SECOND_NS || $nowNs < $startNs) {
                [$startNs, $count] = [$nowNs, 0];
            }
            $isAllowed = $maxPerSecond === 0 || $count < $maxPerSecond;
            $wanted = self::AWAY_LOGGED | ($isAllowed ? 0 : self::LIMIT_LOGGED);
            $news = $wanted & ~$flags;

            return [$silentUntilNs, $startNs, $count + 1, $flags | $wanted];
        });
        if (($news & self::AWAY_LOGGED) !== 0) {
            $this->log('warning', 'the broker is away, requests go direct: {reason}', ['reason' => $reason]);
        }
        if (($news & self::LIMIT_LOGGED) !== 0) {
            $this->log('error', 'the broker is away and {limit} requests went direct within a second: more of them fail', ['limit' => (string) $maxPerSecond]);
        }

        return $isAllowed;
    }

    /**
     * Whether a new connection should not be tried: another one was met with silence a moment ago. After that moment one
     * process is told to try, and the others wait for what it finds.
     */
    public function isSilent(int $connectTimeoutMs): bool
    {
        if (!$this->isOn()) {
            return false;
        }
        $isSilent = false;
        $this->change(static function (array $record) use ($connectTimeoutMs, &$isSilent): array {
            $nowNs = (int) hrtime(true);
            $leftNs = $record[0] - $nowNs;
            $isSilent = $leftNs > 0 && $leftNs <= self::MAX_SILENCE_NS;
            if (!$isSilent && $record[0] !== 0) {
                $record[0] = $nowNs + $connectTimeoutMs * 1_000_000;
            }

            return $record;
        });

        return $isSilent;
    }

    public function noteSilence(): void
    {
        $this->change(static fn(array $record): array => [(int) hrtime(true) + self::SILENCE_NS, $record[1], $record[2], $record[3]]);
    }

    /**
     * The broker answered a new connection.
     */
    public function end(): void
    {
        if (!$this->isOn()) {
            return;
        }
        $wasLogged = false;
        $this->change(static function (array $record) use (&$wasLogged): null {
            $wasLogged = ($record[3] & self::AWAY_LOGGED) !== 0;

            return null;
        });
        if ($wasLogged) {
            $this->log('notice', 'the broker is back', []);
        }
    }

    private function path(): string
    {
        return $this->file ??= self::file($this->socket);
    }

    private function isOn(): bool
    {
        clearstatcache(true, $this->path());

        return isset(self::$memory[$this->path()]) || is_file($this->path());
    }

    /**
     * @param callable(Record): (Record|null) $change null: it is over
     */
    private function change(callable $change): void
    {
        $file = $this->open();
        if ($file === null) {
            $record = $change(self::$memory[$this->path()] ?? [0, 0, 0, 0]);
            if ($record === null) {
                unset(self::$memory[$this->path()]);
            } else {
                self::$memory[$this->path()] = $record;
            }

            return;
        }
        $octets = (string) fread($file, self::RECORD_BYTES);
        $values = \strlen($octets) === self::RECORD_BYTES ? unpack('q4', $octets) : false;
        /** @var Record $record */
        $record = $values === false ? [0, 0, 0, 0] : array_values($values);
        $record = $change($record);
        if ($record === null) {
            unset(self::$memory[$this->path()]);
            @unlink($this->path());
        } else {
            rewind($file);
            fwrite($file, pack('q4', ...$record));
        }
        fclose($file);
    }

    /**
     * The file, locked; null where it cannot be had.
     *
     * @return resource|null
     */
    private function open(): mixed
    {
        for ($try = 0; $try < self::LOCK_TRIES; ++$try) {
            clearstatcache(true, $this->path());
            // The temporary folder belongs to everybody: whoever planted a link there must not choose what is written to.
            $file = is_link($this->path()) ? false : @fopen($this->path(), 'c+');
            if ($file === false) {
                return null;
            }
            if (flock($file, LOCK_EX | LOCK_NB)) {
                $opened = fstat($file);
                clearstatcache(true, $this->path());
                $present = @lstat($this->path());
                // The lock of a file that another process has removed meanwhile keeps nobody out.
                if ($opened !== false && $present !== false && $opened['ino'] === $present['ino']) {
                    return $file;
                }
            } else {
                usleep(self::LOCK_PAUSE_US);
            }
            fclose($file);
        }

        return null;
    }

    /**
     * @param 'notice'|'warning'|'error' $level
     * @param array<string, string>      $context
     */
    private function log(string $level, string $message, array $context): void
    {
        if ($this->logger !== null) {
            $this->logger->log($level, "Hawser: {$message}", $context + ['socket' => $this->socket]);

            return;
        }
        foreach ($context as $name => $value) {
            $message = str_replace('{' . $name . '}', $value, $message);
        }
        error_log("Hawser: {$message}");
    }
}
