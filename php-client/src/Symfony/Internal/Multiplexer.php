<?php

declare(strict_types=1);

namespace Hawser\Symfony\Internal;

use Generator;
use Hawser\Symfony\HawserResponse;
use Symfony\Component\HttpClient\Chunk\ErrorChunk;
use Symfony\Contracts\HttpClient\ChunkInterface;

/**
 * Yields the chunks of many responses as they come.
 *
 * Times out as Symfony's own clients do: any chunk of any of the responses starts the time anew. Time that nobody waits
 * does not count. A time-out of zero below zero (`-0.0`) means each response's own time-out, and the silence that led to
 * the last time-out counts too: a hundred responses of a dead origin, asked one by one, wait once.
 *
 * @internal
 */
final class Multiplexer
{
    /** `on_progress` is called at least once a second. */
    private const TICK_NS = 1_000_000_000;

    /**
     * @param array<array-key, HawserResponse> $responses
     *
     * @return Generator<HawserResponse, ChunkInterface>
     */
    public static function stream(array $responses, ?float $timeout): Generator
    {
        $running = $hubs = [];
        foreach ($responses as $response) {
            $conversation = $response->conversation;
            $conversation->announceEnd();
            $running[spl_object_id($conversation)] = $response;
            $hubs[spl_object_id($conversation->hub)] = $conversation->hub;
        }
        $silentSinceNs = (int) hrtime(true);
        if ($timeout !== null && ($timeout < 0 || $timeout === 0.0 && (string) $timeout === '-0')) {
            $timeout = $timeout < 0 ? -$timeout : null;
            foreach ($hubs as $hub) {
                $silentSinceNs = min($silentSinceNs, $hub->silentSinceNs ?? $silentSinceNs);
            }
        }
        $untilNs = 1;
        while ($running !== []) {
            Hub::turn($hubs, $untilNs);
            $isSilent = true;
            foreach ($running as $id => $response) {
                $conversation = $response->conversation;
                while (isset($running[$id]) && ($chunk = $conversation->next()) !== null) {
                    $isSilent = false;
                    $conversation->hub->silentSinceNs = null;
                    yield from self::deliver($response, $chunk, $running, $id);
                    $chunk = null;
                }
                if (isset($running[$id]) && $conversation->isClosed()) {
                    unset($running[$id]); // cancelled by whoever got its last chunk
                    $isSilent = false;
                }
            }
            if (!$isSilent) {
                $silentSinceNs = (int) hrtime(true);
                $untilNs = 1;
                continue;
            }
            $nowNs = (int) hrtime(true);
            $untilNs = $nowNs + self::TICK_NS;
            foreach ($running as $id => $response) {
                $conversation = $response->conversation;
                $pausedUntilNs = $conversation->pausedUntilNs();
                $limitNs = $timeout !== null
                    ? $silentSinceNs + (int) ($timeout * 1e9)
                    : max($silentSinceNs, $pausedUntilNs) + (int) ($conversation->settings->timeout * 1e9);
                if ($nowNs >= $limitNs) {
                    $conversation->hub->silentSinceNs ??= $silentSinceNs;
                    yield from self::deliver($response, $conversation->timeout(), $running, $id);
                    $untilNs = 1;
                } else {
                    $untilNs = min($untilNs, $limitNs, $pausedUntilNs > $nowNs ? $pausedUntilNs : $limitNs);
                }
            }
        }
    }

    /**
     * @param array<int, HawserResponse> $running
     *
     * @return Generator<HawserResponse, ChunkInterface>
     */
    private static function deliver(HawserResponse $response, ChunkInterface $chunk, array &$running, int $id): Generator
    {
        if ($chunk instanceof ErrorChunk) {
            unset($running[$id]);
            yield $response => $chunk;
            if (!$chunk->didThrow()) {
                $chunk->getContent(); // nobody looked: it throws
            }

            return;
        }
        $isFirst = $chunk->isFirst();
        if ($chunk->isLast()) {
            unset($running[$id]);
        }
        yield $response => $chunk;
        if ($isFirst) {
            $response->checkUnseenStatus();
        }
    }
}
