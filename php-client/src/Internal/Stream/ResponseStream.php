<?php

declare(strict_types=1);

namespace Hawser\Internal\Stream;

use Hawser\Internal\Dispatcher;
use Hawser\Internal\Loop;
use Hawser\Internal\Request;
use Hawser\Internal\Transfer;

/**
 * A response read as a stream: redirects are followed until its head is here, then its body is read as it comes.
 *
 * @internal
 */
final class ResponseStream
{
    /** What came of the body and is not read yet, from `$at` on. */
    private string $octets = '';

    private int $at = 0;

    /**
     * @param list<string> $lines    of all responses, those that led here included
     * @param float        $timeoutS longest wait for something to come; below 0: none
     */
    private function __construct(
        private readonly Transfer $transfer,
        public readonly array $lines,
        private float $timeoutS,
    ) {}

    /**
     * @param array<array-key, mixed> $http the context's options under `http`
     *
     * @throws StreamFailed
     */
    public static function open(Dispatcher $dispatcher, string $url, array $http): self
    {
        $timeoutS = StreamRequest::number($http['timeout'] ?? \ini_get('default_socket_timeout'));
        $redirectsLeft = max(1, (int) StreamRequest::number($http['max_redirects'] ?? 20)) - 1;
        $isFollowing = (bool) ($http['follow_location'] ?? true);
        $request = StreamRequest::of($url, $http);
        $transfer = self::head($dispatcher, $request, true, $timeoutS);
        $lines = StatusLine::lines($transfer->status, $transfer->fields);
        while ($isFollowing && ($location = self::location($transfer)) !== null) {
            Dispatcher::cancel($transfer);
            if ($redirectsLeft-- === 0) {
                throw new StreamFailed('Redirection limit reached, aborting', $lines);
            }
            $next = UriReference::resolve($request->url, $location);
            if (preg_match('~^https?://[^/]~i', $next) !== 1) {
                throw new StreamFailed("Invalid redirect URL! {$location}", $lines);
            }
            $request = $request->redirectedTo($next, $transfer->status);
            $transfer = self::head($dispatcher, $request, $dispatcher->options->takes($next), $timeoutS);
            $lines = [...$lines, ...StatusLine::lines($transfer->status, $transfer->fields)];
        }
        if ($transfer->status >= 400 && !(bool) ($http['ignore_errors'] ?? false)) {
            Dispatcher::cancel($transfer);

            throw new StreamFailed('HTTP request failed! ' . StatusLine::of($transfer->status), $lines);
        }

        return new self($transfer, $lines, $timeoutS);
    }

    /**
     * The next octets, at most so many; an empty string at the end.
     *
     * @throws StreamFailed where the body does not come to its end
     */
    public function read(int $maxBytes): string
    {
        if ($this->at === \strlen($this->octets)) {
            $this->octets = $this->next();
            $this->at = 0;
        }
        $octets = substr($this->octets, $this->at, $maxBytes);
        $this->at += \strlen($octets);

        return $octets;
    }

    public function isAtEnd(): bool
    {
        return $this->at === \strlen($this->octets) && $this->transfer->isEnded && $this->transfer->body === '';
    }

    public function setTimeout(float $timeoutS): void
    {
        $this->timeoutS = $timeoutS;
    }

    /** Gives up what has not been read. */
    public function close(): void
    {
        Dispatcher::cancel($this->transfer);
    }

    private function next(): string
    {
        self::wait($this->transfer, $this->timeoutS, static fn(Transfer $transfer): bool => $transfer->body !== '', 'the body stopped');
        $octets = Dispatcher::take($this->transfer);
        if ($octets === '' && $this->transfer->error !== null) {
            throw new StreamFailed($this->transfer->error->getMessage());
        }

        return $octets;
    }

    private static function head(Dispatcher $dispatcher, StreamRequest $request, bool $isTaken, float $timeoutS): Transfer
    {
        $options = ['headers' => $request->lines, 'body' => $request->body, 'stream' => true, 'timeoutMs' => 0];
        $transfer = $dispatcher->begin(Request::of($request->method, $request->url, $options, $dispatcher->options->timeoutMs), $isTaken);
        self::wait($transfer, $timeoutS, static fn(Transfer $transfer): bool => $transfer->status !== 0, 'no response');
        if ($transfer->status === 0 && $transfer->error !== null) {
            throw new StreamFailed($transfer->error->getMessage());
        }

        return $transfer;
    }

    /**
     * @param callable(Transfer): bool $isThere
     */
    private static function wait(Transfer $transfer, float $timeoutS, callable $isThere, string $complaint): void
    {
        $untilNs = $timeoutS < 0 ? 0 : max(1, (int) hrtime(true) + (int) ($timeoutS * 1e9));
        while (!$transfer->isEnded && !$isThere($transfer)) {
            if ($untilNs !== 0 && (int) hrtime(true) >= $untilNs) {
                Dispatcher::cancel($transfer);

                throw new StreamFailed(\sprintf('%s: %s within %g s', $transfer->request->label(), $complaint, $timeoutS));
            }
            Loop::turn([$transfer], $untilNs);
        }
    }

    private static function location(Transfer $transfer): ?string
    {
        if (!\in_array($transfer->status, [301, 302, 303, 307, 308], true)) {
            return null;
        }
        $at = array_search('location', array_map(strtolower(...), $transfer->fields), true);

        return \is_int($at) && $at % 2 === 0 ? $transfer->fields[$at + 1] : null;
    }
}
