<?php

declare(strict_types=1);

namespace Hawser\Symfony\Internal;

use Hawser\ClientOptions;
use Hawser\Internal\Dispatcher;
use Hawser\Internal\Loop;
use WeakMap;

/**
 * What a client shares with its clones and its responses: the way out, and what is under way on it.
 *
 * @internal
 */
final class Hub
{
    public readonly Dispatcher $dispatcher;

    /** When the silence began that the last time-out chunk was about, on the clock of hrtime(); null: something came since. */
    public ?int $silentSinceNs = null;

    /** @var WeakMap<Conversation, true> those that are not closed */
    private WeakMap $open;

    /** @var array<string, string|null> what `resolve` said, as long as anything is open, as with Symfony's own clients */
    private array $addresses = [];

    public function __construct(public readonly ClientOptions $options)
    {
        $this->dispatcher = new Dispatcher($options);
        $this->open = new WeakMap();
    }

    public function add(Conversation $conversation): Conversation
    {
        // The one made before can be sent now: whoever wanted to pause it has done so.
        foreach ($this->conversations() as $earlier) {
            $earlier->startIfDue();
        }
        $this->silentSinceNs = null;
        $this->open[$conversation] = true;

        return $conversation;
    }

    public function remove(Conversation $conversation): void
    {
        unset($this->open[$conversation]);
        if (\count($this->open) === 0) {
            $this->addresses = [];
        }
    }

    /**
     * @param array<string, string|null> $addresses by host; null: forget it
     */
    public function remember(array $addresses): void
    {
        $this->addresses = $addresses + $this->addresses;
    }

    public function address(string $host): ?string
    {
        return $this->addresses[$host] ?? null;
    }

    public function reset(): void
    {
        $this->addresses = [];
    }

    /**
     * Lets everything of these clients go on; waits for it until then at the latest.
     *
     * @param array<array-key, self> $hubs
     * @param int                    $untilNs on the clock of hrtime(); 1: does not wait
     */
    public static function turn(array $hubs, int $untilNs): void
    {
        $conversations = array_merge(...array_map(static fn(self $hub): array => $hub->conversations(), array_values($hubs)));
        $transfers = [];
        foreach ($conversations as $conversation) {
            $conversation->startIfDue();
            $transfer = $conversation->transfer();
            if ($transfer !== null && !$transfer->isEnded) {
                $transfers[] = $transfer;
            }
        }
        if ($transfers !== []) {
            Loop::turn($transfers, $untilNs);
        } elseif (($leftNs = $untilNs - (int) hrtime(true)) > 0) {
            usleep(intdiv($leftNs, 1000));
        }
        foreach ($conversations as $conversation) {
            $conversation->advance();
        }
    }

    /**
     * @return list<Conversation>
     */
    private function conversations(): array
    {
        $conversations = [];
        foreach ($this->open as $conversation => $_) {
            $conversations[] = $conversation;
        }

        return $conversations;
    }
}
