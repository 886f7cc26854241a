<?php

declare(strict_types=1);

namespace Hawser\Tests\Integration;

use Hawser\ClientOptions;
use Hawser\Exception\ExchangeException;
use Hawser\Exception\NetworkException;
use Hawser\Exception\TimeoutException;
use Hawser\Fallback;
use Hawser\Internal\Dispatcher;
use Hawser\Internal\Loop;
use Hawser\Internal\Request;
use Hawser\Internal\Transfer;
use Hawser\Tests\Support\BrokerFrames;
use Hawser\Tests\Support\ClientTestCase;
use Hawser\Tests\Support\FakeBroker;
use Hawser\Tests\Support\MemoryLogger;
use Hawser\Tests\Support\RawOrigin;

/**
 * Many exchanges go on together, whichever socket or path they are on, and nobody has to wait.
 */
final class LoopTest extends ClientTestCase
{
    private const WINDOW_BYTES = 64 * 1024;

    public function testDoesNotWaitWhenToldSo(): void
    {
        $broker = self::answeringWhenTold();
        $transfer = self::begin($broker->socket, self::URL);
        self::assertSame(1, $transfer->sends, 'it was sent when it began');
        for ($n = 0; $n < 3; ++$n) {
            Loop::turn([$transfer], 1);
            self::assertFalse($transfer->isEnded);
        }
        $go = self::begin($broker->socket, self::URL);
        self::untilEnded([$transfer, $go]);
        self::assertSame(['first', 'second'], [$transfer->body, $go->body]);
        Loop::turn([$transfer, $go], 0);
        Loop::turn([], 0);
    }

    public function testReturnsWhenItsTimeHasCome(): void
    {
        $broker = self::answeringWhenTold();
        $other = self::answeringWhenTold();
        $transfers = [self::begin($broker->socket, self::URL), self::begin($other->socket, self::URL)];
        foreach ([\array_slice($transfers, 0, 1), $transfers] as $waited) {
            $untilNs = (int) hrtime(true) + 50_000_000;
            while ((int) hrtime(true) < $untilNs) {
                Loop::turn($waited, $untilNs);
            }
            self::assertSame([false, false], [$transfers[0]->isEnded, $transfers[1]->isEnded]);
        }
    }

    public function testSeveralSocketsAndCurlAtOnce(): void
    {
        $origin = RawOrigin::run(RawOrigin::answering(static function (string $head, string $body): string {
            usleep(100_000);

            return "HTTP/1.1 200 OK\r\nContent-Length: " . \strlen($body) . "\r\n\r\n{$body}";
        }));
        $quiet = self::answeringWhenTold();
        $unanswered = self::begin($quiet->socket, self::URL);
        $brokers = [self::echoing(), self::echoing(), self::echoing()];
        $large = str_repeat('0123456789', 100_000);
        $transfers = [];
        foreach ($brokers as $broker) {
            $transfers[] = self::begin($broker->socket, self::URL, ['body' => $large]);
            $transfers[] = self::begin($broker->socket, self::URL, ['body' => 'small']);
        }
        for ($n = 0; $n < 3; ++$n) {
            $transfers[] = self::begin(FakeBroker::path(), $origin->url, ['body' => (static fn() => yield from str_split($large, 10_000))()], Fallback::Direct);
        }
        self::untilEnded($transfers, [$unanswered]);
        self::assertSame([null], array_values(array_unique(array_map(static fn(Transfer $transfer): ?string => $transfer->error?->getMessage(), $transfers))));
        $bodies = array_map(static fn(Transfer $transfer): string => md5($transfer->body), $transfers);
        self::assertSame([md5($large), md5('small'), md5($large), md5('small'), md5($large), md5('small'), md5($large), md5($large), md5($large)], $bodies);
        self::assertSame([false, true], [$transfers[0]->isDirect, $transfers[8]->isDirect]);
    }

    public function testABodyThatIsNotTakenHoldsTheBrokerBack(): void
    {
        $broker = FakeBroker::run(static function (FakeBroker $broker): array {
            $peer = $broker->accept()->hello();
            $peer->frameOf(3);
            $peer->send(BrokerFrames::welcome($peer->nonce) . BrokerFrames::response(1, isEnd: false) . BrokerFrames::data(1, str_repeat('a', self::WINDOW_BYTES)));
            $second = $peer->frame();
            $peer->send(BrokerFrames::response(2, 'bystander'));
            $window = $peer->frame();
            $peer->send(BrokerFrames::data(1, str_repeat('b', 1000)) . BrokerFrames::end(1));

            return [$second[0] ?? null, $window];
        });
        $held = self::begin($broker->socket, self::URL, ['stream' => true]);
        while (\strlen($held->body) < self::WINDOW_BYTES) {
            Loop::turn([$held], 0);
        }
        $bystander = self::begin($broker->socket, self::URL);
        self::untilEnded([$bystander], [$held]);
        self::assertSame('bystander', $bystander->body);
        self::assertSame(str_repeat('a', self::WINDOW_BYTES), Dispatcher::take($held));
        self::assertSame('', Dispatcher::take($held));
        self::untilEnded([$held]);
        self::assertSame(str_repeat('b', 1000), Dispatcher::take($held));
        self::assertSame([3, [7, 1, self::WINDOW_BYTES]], $broker->report(), 'nothing is granted before something is taken');
    }

    public function testCancelsInAnyState(): void
    {
        $broker = FakeBroker::run(static function (FakeBroker $broker): array {
            $peer = $broker->accept()->hello();
            $peer->frameOf(3);
            $peer->frameOf(3);
            $peer->send(BrokerFrames::welcome($peer->nonce) . BrokerFrames::response(2, 'begun', isEnd: false));

            return [$peer->frameOf(8), $peer->frameOf(8)];
        });
        $silent = self::begin($broker->socket, self::URL);
        $begun = self::begin($broker->socket, self::URL, ['stream' => true]);
        while ($begun->status === 0) {
            Loop::turn([$silent, $begun], 0);
        }
        Dispatcher::cancel($begun);
        Dispatcher::cancel($silent);
        Dispatcher::cancel($silent);
        self::assertInstanceOf(NetworkException::class, $silent->error);
        self::assertSame('cancelled', $silent->error->errorName());
        self::assertSame([[8, 2], [8, 1]], $broker->report());
    }

    public function testKeepsDeadlinesOnEverySocket(): void
    {
        $brokers = [self::answeringWhenTold(), self::answeringWhenTold()];
        $transfers = array_map(static fn(FakeBroker $broker): Transfer => self::begin($broker->socket, self::URL, ['timeoutMs' => 50]), $brokers);
        self::untilEnded($transfers);
        foreach ($transfers as $transfer) {
            self::assertInstanceOf(TimeoutException::class, $transfer->error);
            self::assertSame('deadline_exceeded', $transfer->error->errorName());
        }
    }

    public function testASilentBrokerIsLeftWhileAnotherAnswers(): void
    {
        $silent = FakeBroker::run(static fn(FakeBroker $broker): bool => $broker->accept()->hello()->nonce !== '' && $broker->isCalled(5.0));
        $good = self::echoing();
        $transfers = [
            'silent' => self::begin($silent->socket, self::URL, connectTimeoutMs: 100),
            'good' => self::begin($good->socket, self::URL, ['body' => 'small']),
        ];
        self::untilEnded($transfers);
        self::assertSame('small', $transfers['good']->body);
        self::assertInstanceOf(ExchangeException::class, $transfers['silent']->error);
        self::assertSame('broker_unavailable', $transfers['silent']->error->errorName());
    }

    /**
     * @param array<string, mixed> $options
     */
    private static function begin(string $socket, string $url, array $options = [], Fallback $fallback = Fallback::Fail, int $connectTimeoutMs = 5000): Transfer
    {
        $client = new ClientOptions(socket: $socket, fallback: $fallback, connectTimeoutMs: $connectTimeoutMs, windowBytes: self::WINDOW_BYTES, logger: new MemoryLogger());

        return (new Dispatcher($client))->begin(Request::of('PUT', $url, $options, 10_000));
    }

    /**
     * @param array<array-key, Transfer> $transfers
     * @param array<array-key, Transfer> $others    that need not end
     */
    private static function untilEnded(array $transfers, array $others = []): void
    {
        $endNs = (int) hrtime(true) + 15_000_000_000;
        while (array_filter($transfers, static fn(Transfer $transfer): bool => !$transfer->isEnded) !== []) {
            self::assertLessThan($endNs, (int) hrtime(true), 'an exchange stands still');
            Loop::turn([...$transfers, ...$others], $endNs);
        }
    }

    /** Answers the first exchange when the second has come. */
    private static function answeringWhenTold(): FakeBroker
    {
        return FakeBroker::run(static function (FakeBroker $broker): void {
            $peer = $broker->accept()->hello();
            $peer->frameOf(3);
            $peer->send(BrokerFrames::welcome($peer->nonce));
            $peer->frameOf(3);
            $peer->send(BrokerFrames::response(1, 'first') . BrokerFrames::response(2, 'second'));
        });
    }

    /** Two exchanges, the first with a body in many frames; each answers with the body of its request. */
    private static function echoing(): FakeBroker
    {
        return FakeBroker::run(static function (FakeBroker $broker): void {
            $peer = $broker->accept()->hello();
            $peer->send(BrokerFrames::welcome($peer->nonce));
            $bodies = [];
            while (($frame = $peer->frame()) !== null) {
                $id = \is_int($frame[1]) ? $frame[1] : 0;
                $payload = $frame[$frame[0] === 3 ? 7 : 2] ?? null;
                $payload = \is_string($payload) ? $payload : '';
                if ($frame[0] === 3 || $frame[0] === 5) {
                    $bodies[$id] = ($bodies[$id] ?? '') . $payload;
                }
                if ($frame[0] === 5) {
                    $peer->send(BrokerFrames::window($id, \strlen($payload)));
                }
                if ($frame[0] === 6 || $frame[0] === 3 && $frame[2] === 1) {
                    $peer->send(BrokerFrames::response($id, isEnd: false));
                    foreach (str_split($bodies[$id] ?? '', 32 * 1024) as $piece) {
                        $peer->send(BrokerFrames::data($id, $piece));
                    }
                    $peer->send(BrokerFrames::end($id));
                }
            }
        });
    }
}
