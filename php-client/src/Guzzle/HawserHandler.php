<?php

declare(strict_types=1);

namespace Hawser\Guzzle;

use GuzzleHttp\HandlerStack;
use GuzzleHttp\Promise\Create;
use GuzzleHttp\Promise\Promise;
use GuzzleHttp\Promise\PromiseInterface;
use GuzzleHttp\Promise\Utils as PromiseUtils;
use GuzzleHttp\Utils;
use Hawser\Client;
use Hawser\ClientOptions;
use Hawser\Fallback;
use Hawser\Internal\Dispatcher;
use Hawser\Internal\Guzzle\GuzzleExchange;
use Hawser\Internal\Guzzle\TransportOptions;
use Hawser\Internal\Loop;
use Hawser\Internal\Transfer;
use Psr\Http\Message\RequestInterface;
use Throwable;

/**
 * A Guzzle handler: requests go through the broker, all that are under way at once, on one socket. What
 * `ClientOptions` leave out, and requests with options that only curl can honour (`TransportOptions` lists them), go
 * to `$bypass`, Guzzle's own handler unless another is given.
 */
final class HawserHandler
{
    private readonly Dispatcher $dispatcher;

    /** @var array<int, array{GuzzleExchange, Promise}> under way, by number */
    private array $open = [];

    /** @var array<int, int> when a delayed one begins, on the clock of hrtime() */
    private array $delayed = [];

    private int $lastNumber = 0;

    /** @var (callable(RequestInterface, array<array-key, mixed>): PromiseInterface)|null */
    private mixed $bypass;

    /**
     * @param Client|ClientOptions|null                                                  $client null: the defaults and the environment
     * @param (callable(RequestInterface, array<array-key, mixed>): PromiseInterface)|null $bypass takes what the broker does not;
     *                                                                                          null: the handler that Guzzle would choose
     */
    public function __construct(Client|ClientOptions|null $client = null, ?callable $bypass = null)
    {
        $this->dispatcher = ($client instanceof Client ? $client : new Client($client))->dispatcher();
        $this->bypass = $bypass;
    }

    public function __destruct()
    {
        foreach ($this->open as [$exchange]) {
            $exchange->cancel();
        }
    }

    /**
     * Guzzle's default handler stack (errors, redirects, cookies, body) on a new handler.
     *
     * @param (callable(RequestInterface, array<array-key, mixed>): PromiseInterface)|null $bypass as in the constructor
     */
    public static function stack(Client|ClientOptions|null $client = null, ?callable $bypass = null): HandlerStack
    {
        return HandlerStack::create(new self($client, $bypass));
    }

    /**
     * Sends the request at once. Nothing waits before the promise, or any other of this handler, is waited for.
     *
     * @param array<array-key, mixed> $options Guzzle's request options
     */
    public function __invoke(RequestInterface $request, array $options): PromiseInterface
    {
        $transport = TransportOptions::of($request, $options, $this->dispatcher->options->caFile);
        if ($transport->forCurl !== null) {
            if ($this->dispatcher->options->fallback === Fallback::Fail) {
                throw TransportOptions::refused($transport->forCurl);
            }

            return $this->bypass($request, $options);
        }
        $url = (string) $request->getUri()->withFragment('');
        if (!$this->dispatcher->options->takes($url)) {
            return $this->bypass($request, $options);
        }
        try {
            $exchange = new GuzzleExchange($this->dispatcher, $request, $url, $transport, $this->advance(...));
        } catch (Throwable $e) {
            return Create::rejectionFor($e);
        }
        $number = ++$this->lastNumber;
        $promise = new Promise(
            function () use ($number): void {
                while (isset($this->open[$number])) {
                    $this->advance(0);
                    PromiseUtils::queue()->run();
                }
            },
            function () use ($number, $exchange): void {
                unset($this->open[$number], $this->delayed[$number]);
                $exchange->cancel();
            },
        );
        $this->open[$number] = [$exchange, $promise];
        if ($transport->delayMs > 0) {
            $this->delayed[$number] = (int) hrtime(true) + $transport->delayMs * 1_000_000;
        } else {
            $exchange->begin();
        }

        return $promise;
    }

    /**
     * Lets everything under way go on, without waiting, and runs the callbacks of what has ended. For a program with a
     * loop of its own.
     */
    public function tick(): void
    {
        $this->advance(1);
        PromiseUtils::queue()->run();
    }

    /**
     * Waits for everything under way.
     */
    public function execute(): void
    {
        while ($this->open !== []) {
            $this->advance(0);
            PromiseUtils::queue()->run();
        }
    }

    /**
     * @param int           $untilNs on the clock of hrtime(); 0: until something happens, 1: does not wait
     * @param Transfer|null $also    one whose promise is settled, and whose body is being read
     */
    private function advance(int $untilNs, ?Transfer $also = null): void
    {
        foreach ($this->delayed as $number => $startNs) {
            if ($startNs <= (int) hrtime(true)) {
                unset($this->delayed[$number]);
                $this->open[$number][0]->begin();
            } elseif ($untilNs === 0 || $startNs < $untilNs) {
                $untilNs = $startNs;
            }
        }
        if ($this->settle()) {
            return;
        }
        $transfers = $also === null ? [] : [$also];
        foreach ($this->open as $number => [$exchange]) {
            $transfer = $exchange->transfer();
            if ($transfer !== null) {
                $transfers[$number] = $transfer;
            }
        }
        if ($transfers !== []) {
            Loop::turn($transfers, $untilNs);
        } elseif ($untilNs > 1) {
            usleep(max(0, intdiv($untilNs - (int) hrtime(true), 1000)));
        }
        $this->settle();
    }

    /** Hands on what came. Whether any exchange is done. */
    private function settle(): bool
    {
        $isAnyDone = false;
        foreach ($this->open as $number => [$exchange, $promise]) {
            if (isset($this->delayed[$number]) || !$exchange->advance()) {
                continue;
            }
            $isAnyDone = true;
            unset($this->open[$number]);
            $failure = $exchange->failure();
            if ($failure === null) {
                $promise->resolve($exchange->response());
            } else {
                $promise->reject($failure);
            }
        }

        return $isAnyDone;
    }

    /**
     * @param array<array-key, mixed> $options
     */
    private function bypass(RequestInterface $request, array $options): PromiseInterface
    {
        $this->bypass ??= Utils::chooseHandler();

        return ($this->bypass)($request, $options);
    }
}
