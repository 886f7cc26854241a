<?php

declare(strict_types=1);

namespace Hawser\Tests\Integration;

use Hawser\Exception\BrokerUnavailableException;
use Hawser\Exception\NetworkException;
use Hawser\Tests\Support\BrokerFrames;
use Hawser\Tests\Support\ClientTestCase;
use Hawser\Tests\Support\FakeBroker;
use Hawser\Tests\Support\WorkerMemory;
use PHPUnit\Framework\Attributes\TestWith;

/**
 * A PHP request ended in the middle of something, and the next one in the same worker finds the socket as it was left
 * (docs/protocol/wire-protocol.md section 4).
 */
final class ResynchronisationTest extends ClientTestCase
{
    #[TestWith([false])]
    #[TestWith([true])]
    public function testTheNextRequestGetsItsOwnAnswerAtEveryOffsetOfASmallStaleOne(bool $hasRead): void
    {
        $size = \strlen(BrokerFrames::welcome(str_repeat('n', 16)) . BrokerFrames::response(1, 'stale'));
        $broker = FakeBroker::run(static function (FakeBroker $broker) use ($size): string {
            $peer = $broker->accept();
            for ($offset = 0; $offset <= $size; ++$offset) {
                $peer->hello()->frame();
                $stale = BrokerFrames::welcome($peer->nonce) . BrokerFrames::response(1, 'stale');
                $peer->send(substr($stale, 0, $offset));
                $peer->hello()->frame();
                $peer->send(substr($stale, $offset) . BrokerFrames::welcome($peer->nonce));
                $peer->send(BrokerFrames::response(1, "answer {$offset}"));
            }

            return 'all on one socket';
        });
        for ($offset = 0; $offset <= $size; ++$offset) {
            WorkerMemory::dieWith(self::client($broker)->start('GET', self::URL), $hasRead);
            self::assertSame("answer {$offset}", self::client($broker)->request('POST', self::URL)->body());
            WorkerMemory::forget();
        }
        self::assertSame('all on one socket', $broker->report());
    }

    public function testTheNextRequestGetsItsOwnAnswerAtRandomOffsetsOfALargeStaleOne(): void
    {
        mt_srand(7);
        $offsets = array_map(static fn(): int => mt_rand(0, 250_000), range(1, 30));
        $broker = FakeBroker::run(static function (FakeBroker $broker) use ($offsets): string {
            $peer = $broker->accept();
            foreach ($offsets as $at => $offset) {
                $peer->hello()->frame();
                $stale = BrokerFrames::welcome($peer->nonce) . BrokerFrames::response(1, 'stale', isEnd: false);
                $stale .= str_repeat(BrokerFrames::data(1, random_bytes(64_000)), 4);
                $peer->send(substr($stale, 0, $offset));
                // What was on its way is delivered while the next PHP request begins; then the broker reads its HELLO.
                $peer->hello()->frame();
                $peer->send(substr($stale, $offset, mt_rand(0, 1000)));
                $peer->send(BrokerFrames::welcome($peer->nonce) . BrokerFrames::response(1, "answer {$at}"));
            }

            return 'all on one socket';
        });
        foreach ($offsets as $at => $offset) {
            WorkerMemory::dieWith(self::client($broker)->start('GET', self::URL), $at % 2 === 0);
            self::assertSame("answer {$at}", self::client($broker)->request('GET', self::URL)->body());
            WorkerMemory::forget();
        }
        self::assertSame('all on one socket', $broker->report());
    }

    public function testASocketLeftInTheMiddleOfWritingAFrameIsNeverUsedAgain(): void
    {
        $broker = FakeBroker::run(static function (FakeBroker $broker): array {
            // Nothing is read, so one of the client's frames does not fit into the socket.
            $first = $broker->accept();
            $second = $broker->accept()->serveOne('from a new socket');
            $rest = stream_get_contents($first->stream());

            return ['isCutOff' => \is_string($rest) && \strlen($rest) > 0 && \strlen($rest) < 600_000, 'again' => $second->serveOne('kept')->nonce !== ''];
        });
        $body = str_repeat('x', 3_000_000);
        WorkerMemory::dieWith(self::client($broker)->start('PUT', self::URL, ['body' => $body]), true);
        self::assertSame('from a new socket', self::client($broker)->request('GET', self::URL)->body());
        WorkerMemory::forget();
        self::assertSame('kept', self::client($broker)->request('GET', self::URL)->body());
        self::assertSame(['isCutOff' => true, 'again' => true], $broker->report());
    }

    public function testASocketThatTheBrokerClosedIsReplaced(): void
    {
        $broker = FakeBroker::run(static function (FakeBroker $broker): void {
            $broker->accept()->serveOne('1')->close();
            $broker->accept()->serveOne('2');
        });
        self::assertSame('1', self::client($broker)->request('POST', self::URL)->body());
        WorkerMemory::forget();
        usleep(20_000);
        self::assertSame('2', self::client($broker)->request('POST', self::URL)->body(), 'a POST too: nothing of it was sent on the dead socket');
        $broker->report();
    }

    public function testASocketOnWhichADrainingBrokerSaidGoodbyeIsReplaced(): void
    {
        $broker = FakeBroker::run(static function (FakeBroker $broker): void {
            $peer = $broker->accept()->serveOne('1');
            usleep(50_000); // when the client has read the answer
            $peer->send(BrokerFrames::goaway(1));
            // As Node ends a socket: its own side is closed, the other is read until the client closes.
            stream_socket_shutdown($peer->stream(), \STREAM_SHUT_WR);
            $broker->accept()->serveOne('2');
        });
        self::assertSame('1', self::client($broker)->request('POST', self::URL)->body());
        WorkerMemory::forget();
        usleep(100_000);
        self::assertSame('2', self::client($broker)->request('POST', self::URL)->body());
        $broker->report();
    }

    /** The broker went away after the client had found the kept socket alive. */
    public function testAnIdempotentRequestIsRepeatedWhenAKeptSocketEndsBeforeWelcome(): void
    {
        $broker = FakeBroker::run(static function (FakeBroker $broker): void {
            $peer = $broker->accept()->serveOne('1');
            $peer->hello()->frame();
            $peer->close();
            $broker->accept()->serveOne('2');
        });
        self::assertSame('1', self::client($broker)->request('GET', self::URL)->body());
        WorkerMemory::forget();
        self::assertSame('2', self::client($broker)->request('GET', self::URL)->body());
    }

    public function testAPostIsNotRepeatedWhenAKeptSocketEndsBeforeWelcome(): void
    {
        $broker = FakeBroker::run(static function (FakeBroker $broker): bool {
            $peer = $broker->accept()->serveOne('1');
            $peer->hello()->frame();
            $peer->close();

            return $broker->isCalled(0.3);
        });
        self::assertSame('1', self::client($broker)->request('GET', self::URL)->body());
        WorkerMemory::forget();
        $e = self::thrown(NetworkException::class, static fn() => self::client($broker)->request('POST', self::URL));
        self::assertNotInstanceOf(BrokerUnavailableException::class, $e);
        self::assertSame(['broker_gone', 'maybe'], [$e->errorName(), $e->processed()]);
        self::assertStringContainsString('may have been processed', $e->getMessage());
        self::assertFalse($broker->report());
    }

    public function testOnANewSocketNothingMayComeBeforeWelcome(): void
    {
        $broker = FakeBroker::run(static function (FakeBroker $broker): void {
            foreach ([1, 2] as $_) {
                $peer = $broker->accept()->hello();
                $peer->frame();
                $peer->send(BrokerFrames::response(1, 'too early') . BrokerFrames::welcome($peer->nonce));
            }
        });
        $e = self::thrown(BrokerUnavailableException::class, static fn() => self::client($broker)->request('GET', self::URL));
        self::assertStringContainsString('before WELCOME', $e->getMessage());
    }

    public function testAnErrorInsteadOfWelcomeIsReported(): void
    {
        $broker = FakeBroker::run(static function (FakeBroker $broker): void {
            $peer = $broker->accept()->hello();
            $peer->frame();
            $peer->send(BrokerFrames::error(0, 3, 'unsupported_version', 'this broker speaks version 2', 0, 'broker'));
            $peer->close();
        });
        $e = self::thrown(NetworkException::class, static fn() => self::client($broker)->request('POST', self::URL));
        self::assertSame([3, 'no'], [$e->errorNumber(), $e->processed()]);
        self::assertStringContainsString('this broker speaks version 2', $e->getMessage());
    }

    public function testAForkedChildTakesASocketOfItsOwn(): void
    {
        $broker = FakeBroker::run(static function (FakeBroker $broker): bool {
            $parent = $broker->accept()->serveOne('parent');
            $child = $broker->accept()->serveOne('child');
            $isOther = $child->nonce !== $parent->nonce;
            $frame = $parent->frame();
            $parent->send(BrokerFrames::response(2, 'parent again'));

            return $isOther && ($frame[1] ?? null) === 2;
        });
        $client = self::client($broker);
        self::assertSame('parent', $client->request('GET', self::URL)->body());
        $pid = pcntl_fork();
        if ($pid === 0) {
            $isRight = $client->request('GET', self::URL)->body() === 'child';
            posix_kill((int) getmypid(), $isRight ? \SIGKILL : \SIGTERM);
        }
        pcntl_waitpid($pid, $status);
        self::assertIsInt($status);
        self::assertSame(\SIGKILL, pcntl_wtermsig($status));
        self::assertSame('parent again', $client->request('GET', self::URL)->body());
        self::assertTrue($broker->report());
    }
}
