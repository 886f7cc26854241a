<?php

declare(strict_types=1);

namespace Hawser\Tests\Integration;

use Hawser\Exception\BreakerOpenException;
use Hawser\Exception\NetworkException;
use Hawser\Tests\Support\BrokerFrames;
use Hawser\Tests\Support\ClientTestCase;
use Hawser\Tests\Support\FakeBroker;
use Hawser\Tests\Support\Peer;
use RuntimeException;

/**
 * Exchanges at once on one socket, bodies in both directions under their windows, and exchanges given up.
 */
final class ManyExchangesTest extends ClientTestCase
{
    public function testAnswersInAnyOrderFindTheirExchange(): void
    {
        $broker = FakeBroker::run(static function (FakeBroker $broker): void {
            $peer = $broker->accept()->hello();
            $answers = '';
            for ($n = 0; $n < 100; ++$n) {
                $request = $peer->frameOf(3);
                $id = self::id($request);
                $answers = BrokerFrames::response($id, "answer to {$id}") . $answers;
            }
            $peer->send(BrokerFrames::welcome($peer->nonce));
            foreach (str_split($answers, 1000) as $piece) {
                $peer->send($piece);
            }
        });
        $client = self::client($broker);
        $exchanges = [];
        for ($n = 1; $n <= 100; ++$n) {
            $exchanges["key {$n}"] = $client->start('GET', self::URL);
        }
        $responses = $client->all($exchanges);
        self::assertSame(array_keys($exchanges), array_keys($responses));
        self::assertSame('answer to 1', $responses['key 1']->body());
        self::assertSame('answer to 100', $responses['key 100']->body());
        self::assertSame($responses['key 7'], $exchanges['key 7']->response());
    }

    public function testAllThrowsTheFirstFailureAfterAllHaveEnded(): void
    {
        $broker = FakeBroker::run(static function (FakeBroker $broker): void {
            $peer = $broker->accept()->hello();
            $peer->frameOf(3);
            $peer->frameOf(3);
            $peer->send(BrokerFrames::welcome($peer->nonce) . BrokerFrames::error(1, 33, 'breaker_open', processed: 0) . BrokerFrames::response(2, 'fine'));
        });
        $client = self::client($broker);
        $exchanges = [$client->start('GET', self::URL), $client->start('GET', self::URL)];
        self::thrown(BreakerOpenException::class, static fn() => $client->all($exchanges));
        self::assertTrue($exchanges[1]->isEnded());
        self::assertSame('fine', $exchanges[1]->response()->body());
        self::thrown(BreakerOpenException::class, static fn() => $exchanges[0]->response());
    }

    public function testNoMoreAreOpenThanTheBrokerTakes(): void
    {
        $broker = FakeBroker::run(static function (FakeBroker $broker): int {
            $peer = $broker->accept()->hello();
            $peer->frameOf(3);
            $peer->send(BrokerFrames::welcome($peer->nonce, 2) . BrokerFrames::response(1));
            $open = $most = 0;
            for ($answered = 0; $answered < 10; ++$answered) {
                while (self::hasOctets($peer, $open === 0 ? 5.0 : 0.05)) {
                    $peer->frameOf(3);
                    $most = max($most, ++$open);
                }
                $peer->send(BrokerFrames::response(2 + $answered, "{$answered}"));
                --$open;
            }

            return $most;
        });
        $client = self::client($broker);
        $client->request('GET', self::URL);
        $exchanges = [];
        for ($n = 0; $n < 10; ++$n) {
            $exchanges[] = $client->start('GET', self::URL);
        }
        $bodies = array_map(static fn($response) => $response->body(), $client->all($exchanges));
        self::assertSame(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'], $bodies);
        self::assertSame(2, $broker->report());
    }

    public function testAnUploadKeepsToItsWindowAndHoldsNobodyUp(): void
    {
        $broker = FakeBroker::run(static function (FakeBroker $broker): array {
            $peer = $broker->accept()->hello();
            $upload = $peer->frameOf(3);
            $other = $peer->frameOf(3);
            $peer->send(BrokerFrames::welcome($peer->nonce));
            $first = self::upload($peer, 262_144);
            $mayBeMore = self::hasOctets($peer, 0.1);
            $peer->send(BrokerFrames::response(self::id($other), 'not held up'));
            $total = $first;
            while ($total < 1_000_000) {
                $peer->send(BrokerFrames::window(1, 50_000));
                $total += self::upload($peer, min(50_000, 1_000_000 - $total));
            }
            $end = $peer->frame();
            $peer->send(BrokerFrames::response(1, 'thanks'));

            return [$upload[2] ?? null, $upload[7] ?? null, $first, $mayBeMore, $total, $end];
        });
        $client = self::client($broker);
        $exchanges = [
            $client->start('PUT', self::URL, ['trailers' => static fn() => ['X-Sum' => '1'], 'body' => (static function () {
                for ($n = 0; $n < 100; ++$n) {
                    yield str_repeat('x', 10_000);
                }
            })()]),
            $client->start('GET', self::URL),
        ];
        self::assertSame('not held up', $exchanges[1]->response()->body());
        self::assertFalse($exchanges[0]->isEnded());
        self::assertSame('thanks', $exchanges[0]->response()->body());
        self::assertSame([0, null, 262_144, false, 1_000_000, [6, 1, ['x-sum', '1'], null]], $broker->report());
    }

    public function testASocketThatIsFullForAWhileLosesNothing(): void
    {
        $broker = FakeBroker::run(static function (FakeBroker $broker): int {
            $peer = $broker->accept();
            usleep(150_000);
            $peer->hello()->frameOf(3);
            $peer->send(BrokerFrames::welcome($peer->nonce));
            $bytes = 0;
            while (($frame = $peer->frame()) !== null && $frame[0] !== 6) {
                $bytes += \is_string($frame[2]) ? \strlen($frame[2]) : 0;
            }
            $peer->send(BrokerFrames::response(1, 'thanks'));

            return $bytes;
        });
        // Small frames, so that the last one before the socket is full is one of those that are written without ado.
        $body = (static function () {
            for ($n = 0; $n < 64; ++$n) {
                yield str_repeat('x', 4000);
            }
        })();
        self::assertSame('thanks', self::client($broker)->request('PUT', self::URL, ['body' => $body])->body());
        self::assertSame(256_000, $broker->report());
    }

    public function testAStreamedResponseIsGrantedAsItIsRead(): void
    {
        $window = 64 * 1024;
        $broker = FakeBroker::run(static function (FakeBroker $broker) use ($window): array {
            $peer = $broker->accept();
            $hello = $peer->frame();
            $peer->nonce = \is_array($hello) && \is_string($hello[2]) ? $hello[2] : '';
            $peer->frame();
            $peer->send(BrokerFrames::welcome($peer->nonce) . BrokerFrames::response(1, str_repeat('a', 1000), isEnd: false)
                . BrokerFrames::data(1, str_repeat('b', $window - 1000)));
            $isGrantedUnread = self::hasOctets($peer, 0.1);
            $peer->send(BrokerFrames::ping('readgo..'));
            $peer->frameOf(12);
            $windows = 0;
            $sent = $window;
            while ($sent < 10 * $window) {
                $grant = $peer->frame();
                $increment = \is_array($grant) && $grant[0] === 7 && \is_int($grant[2]) ? $grant[2] : 0;
                ++$windows;
                $peer->send(BrokerFrames::data(1, str_repeat('c', $increment)));
                $sent += $increment;
            }
            $peer->send(BrokerFrames::end(1));

            return ['isGrantedUnread' => $isGrantedUnread, 'areFew' => $windows < 30, 'sent' => $sent];
        });
        $client = self::client($broker, windowBytes: $window);
        $response = $client->request('GET', self::URL, ['stream' => true]);
        usleep(200_000);
        $bytes = 0;
        while (($octets = $response->read(5000)) !== '') {
            self::assertLessThanOrEqual(5000, \strlen($octets));
            $bytes += \strlen($octets);
        }
        self::assertSame('', $response->read(1));
        $report = $broker->report();
        self::assertIsArray($report);
        self::assertSame($bytes, $report['sent']);
        self::assertFalse($report['isGrantedUnread'], 'nothing is granted before it is read');
        self::assertTrue($report['areFew'], 'grants are gathered up to half a window');
    }

    public function testADroppedResponseIsCancelledAndTheSocketGoesOn(): void
    {
        $broker = FakeBroker::run(static function (FakeBroker $broker): array {
            $peer = $broker->accept()->hello();
            $peer->frame();
            $peer->send(BrokerFrames::welcome($peer->nonce) . BrokerFrames::response(1, 'some', isEnd: false));
            $cancel = $peer->frame();
            $peer->frameOf(3);
            $peer->send(BrokerFrames::data(1, 'crossed on the way') . BrokerFrames::end(1) . BrokerFrames::response(2, 'next'));
            $frames = [$cancel];
            for ($n = 0; $n < 4; ++$n) {
                $frames[] = $peer->frame();
            }

            return $frames;
        });
        $client = self::client($broker);
        $response = $client->request('GET', self::URL, ['stream' => true]);
        self::assertSame('so', $response->read(2));
        unset($response);
        self::assertSame('next', $client->request('GET', self::URL)->body());
        $exchange = $client->start('GET', self::URL);
        $exchange->cancel();
        $e = self::thrown(NetworkException::class, static fn() => $exchange->response());
        self::assertSame('cancelled', $e->errorName());
        $dropped = $client->start('GET', self::URL);
        unset($dropped);
        self::assertSame([[8, 1], [3, 3, 1], [8, 3], [3, 4, 1], [8, 4]], array_map(static fn($frame) => \is_array($frame) ? \array_slice($frame, 0, 3) : null, (array) $broker->report()));
    }

    public function testAnAnswerBeforeTheEndOfTheRequestCancelsTheRest(): void
    {
        $broker = FakeBroker::run(static function (FakeBroker $broker): mixed {
            $peer = $broker->accept()->hello();
            $peer->frameOf(3);
            $peer->send(BrokerFrames::welcome($peer->nonce) . BrokerFrames::response(1, 'too much', 413));
            $cancel = $peer->frameOf(8);
            $next = $peer->frame();
            $peer->send(BrokerFrames::response(2, 'next'));

            return [$cancel, $next[1] ?? null];
        });
        $client = self::client($broker);
        self::assertSame(413, $client->request('POST', self::URL, ['body' => str_repeat('x', 5_000_000)])->status());
        self::assertSame('next', $client->request('GET', self::URL)->body());
        self::assertSame([[8, 1], 2], $broker->report());
    }

    public function testWhatABodyThrowsComesOutAndCancels(): void
    {
        $broker = FakeBroker::run(static function (FakeBroker $broker): mixed {
            $peer = $broker->accept()->hello();
            $cancel = $peer->frameOf(8);
            $peer->send(BrokerFrames::welcome($peer->nonce));

            return $cancel;
        });
        $e = self::thrown(RuntimeException::class, static fn() => self::client($broker)->request('POST', self::URL, ['body' => (static function () {
            yield 'a';
            throw new RuntimeException('mine');
        })()]));
        self::assertSame('mine', $e->getMessage());
        self::assertSame([8, 1], $broker->report());
    }

    public function testABodyMayUseTheClientItself(): void
    {
        $broker = FakeBroker::run(static function (FakeBroker $broker): int {
            $peer = $broker->accept()->hello();
            $peer->frameOf(3);
            $peer->send(BrokerFrames::welcome($peer->nonce));
            $bytes = 0;
            while (($frame = $peer->frame()) !== null && $frame[0] !== 6) {
                if ($frame[0] === 3) {
                    $peer->send(BrokerFrames::response(self::id($frame), str_repeat('x', 1000)));
                } elseif ($frame[0] === 5 && \is_string($frame[2])) {
                    $bytes += \strlen($frame[2]);
                }
            }
            $peer->send(BrokerFrames::response(1, 'done'));

            return $bytes;
        });
        $client = self::client($broker);
        $body = (static function () use ($client) {
            for ($n = 0; $n < 5; ++$n) {
                yield $client->request('GET', self::URL)->body();
            }
        })();
        self::assertSame('done', $client->request('PUT', self::URL, ['body' => $body])->body());
        self::assertSame(5000, $broker->report());
    }

    public function testMoreBodyThanTheWindowEndsTheConnection(): void
    {
        $broker = FakeBroker::run(static function (FakeBroker $broker): void {
            $peer = $broker->accept()->hello();
            $peer->frame();
            $peer->send(BrokerFrames::welcome($peer->nonce) . BrokerFrames::response(1, '', isEnd: false));
            for ($n = 0; $n < 5; ++$n) {
                $peer->send(BrokerFrames::data(1, str_repeat('x', 16 * 1024)));
            }
            $peer->awaitEnd();
        });
        $response = self::client($broker, windowBytes: 64 * 1024)->request('GET', self::URL, ['stream' => true]);
        usleep(50_000);
        $e = self::thrown(NetworkException::class, static fn() => $response->body());
        self::assertStringContainsString('more body than the window allows', $e->getMessage());
        $broker->report();
    }

    /**
     * @param array<array-key, mixed>|null $frame
     */
    private static function id(?array $frame): int
    {
        return \is_int($frame[1] ?? null) ? $frame[1] : 0;
    }

    private static function hasOctets(Peer $peer, float $seconds): bool
    {
        $read = [$peer->stream()];
        $write = $except = null;

        return stream_select($read, $write, $except, (int) $seconds, (int) (fmod($seconds, 1) * 1e6)) === 1;
    }

    /** Takes DATA of exchange 1 until so many octets have come. */
    private static function upload(Peer $peer, int $bytes): int
    {
        $sum = 0;
        while ($sum < $bytes) {
            $frame = $peer->frameOf(5);
            $sum += \is_string($frame[2] ?? null) ? \strlen($frame[2]) : 0;
        }

        return $sum;
    }
}
