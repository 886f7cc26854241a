<?php

declare(strict_types=1);

namespace Hawser\Internal;

use Hawser\Internal\Connection\Connection;

/**
 * Lets many exchanges go on without waiting for one of them in particular: what promises and `stream()` are built on.
 *
 * ```
 *   $transfer = $dispatcher->begin($request)      sent as far as it goes at once, nothing is waited for
 *   Loop::turn($transfers, $untilNs)              all that is open, of any number of dispatchers, sockets and paths
 *   $transfer->status, ->fields                   the head is here where status is not 0
 *   Dispatcher::take($transfer)                   body octets that came; not taken, they hold the origin back
 *   $transfer->isEnded, ->error                   the end, good or bad
 *   Dispatcher::cancel($transfer)                 from any state
 * ```
 *
 * A request made with `stream` pauses by itself: at most `windowBytes` of its body are held here, and the origin sends
 * on as they are taken. Without `stream` the whole body gathers in `$transfer->body`.
 *
 * The caller passes everything that it has under way, also what it does not wait for now: a path that is not among
 * these transfers' stands still, and with it its uploads and deadlines.
 *
 * @internal
 */
final class Loop
{
    /**
     * While broker and curl are both at work, one is waited for this long before the other has its turn: PHP gives no
     * descriptor of curl's that could be selected together with a stream.
     */
    private const SLICE_NS = 5_000_000;

    /** In one select's place, where that fails (a signal, or a descriptor above FD_SETSIZE): short enough to go unnoticed. */
    private const PAUSE_US = 1000;

    /**
     * Sends, waits, and takes in what came. Returns as soon as anything happened, to whichever exchange, and at
     * `$untilNs` at the latest; it may return earlier for no reason that the caller sees, so the caller looks and comes
     * again. Runs the caller's code (body sources, informational callbacks), which may come back here. Throws nothing:
     * what fails, and what is past its deadline, ends with its `error` set.
     *
     * @param array<array-key, Transfer> $transfers those that have ended do no harm
     * @param int                        $untilNs   on the clock of hrtime(); 0: no limit, 1: does not wait
     */
    public static function turn(array $transfers, int $untilNs): void
    {
        $connections = $directs = [];
        foreach ($transfers as $transfer) {
            $path = $transfer->isEnded ? null : $transfer->path;
            if ($path === null) {
                continue;
            }
            if ($path instanceof Connection) {
                $connections[spl_object_id($path)] = $path;
            } else {
                $directs[spl_object_id($path)] = $path;
            }
            $limitNs = $transfer->limitNs;
            $untilNs = $limitNs === 0 || $untilNs !== 0 && $untilNs < $limitNs ? $untilNs : $limitNs;
        }
        match (true) {
            \count($connections) + \count($directs) > 1 => self::pumpAll(array_values($connections), array_values($directs), $untilNs),
            $connections !== [] => reset($connections)->pump($untilNs),
            $directs !== [] => reset($directs)->pump($untilNs),
            default => null,
        };
        foreach ($transfers as $transfer) {
            Dispatcher::expire($transfer);
        }
    }

    /**
     * @param list<Connection> $connections
     * @param list<Path>       $directs
     */
    private static function pumpAll(array $connections, array $directs, int $untilNs): void
    {
        $hasProgress = false;
        foreach ($directs as $path) {
            $hasProgress = $path->pump(1) || $hasProgress;
        }
        if ($hasProgress) {
            $untilNs = 1;
        } elseif ($directs !== []) {
            $sliceEndNs = (int) hrtime(true) + self::SLICE_NS;
            $untilNs = $untilNs === 0 ? $sliceEndNs : min($untilNs, $sliceEndNs);
        }
        match (\count($connections)) {
            0 => array_map(static fn(Path $path): bool => $path->pump($untilNs), \array_slice($directs, 0, 1)),
            1 => $connections[0]->pump($untilNs),
            default => self::pumpReady($connections, $untilNs),
        };
    }

    /**
     * @param list<Connection> $connections
     */
    private static function pumpReady(array $connections, int $untilNs): void
    {
        $readable = $writable = [];
        foreach ($connections as $at => $connection) {
            $waitsUntilNs = $connection->send($untilNs);
            $untilNs = $untilNs === 0 || $waitsUntilNs !== 0 && $waitsUntilNs < $untilNs ? $waitsUntilNs : $untilNs;
            $stream = $connection->stream();
            if ($stream === null) {
                return; // it was lost while it sent, and its exchanges have gone elsewhere
            }
            $readable[$at] = $stream;
            if ($connection->hasUnsent()) {
                $writable[$at] = $stream;
            }
        }
        $leftUs = $untilNs === 0 ? null : max(0, intdiv($untilNs - (int) hrtime(true) + 999, 1000));
        $except = null;
        if (@stream_select($readable, $writable, $except, $leftUs === null ? null : intdiv($leftUs, 1_000_000), $leftUs === null ? null : $leftUs % 1_000_000) === false) {
            usleep(min($leftUs ?? self::PAUSE_US, self::PAUSE_US));
        }
        // All of them, for one that is not ready may have waited too long for WELCOME. It costs a poll each.
        foreach ($connections as $connection) {
            $connection->pump(1);
        }
    }
}
