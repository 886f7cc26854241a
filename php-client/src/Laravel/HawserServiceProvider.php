<?php

declare(strict_types=1);

namespace Hawser\Laravel;

use Hawser\ClientOptions;
use Hawser\Guzzle\HawserHandler;
use Illuminate\Contracts\Config\Repository;
use Illuminate\Contracts\Events\Dispatcher;
use Illuminate\Contracts\Foundation\Application;
use Illuminate\Http\Client\Factory;
use Illuminate\Support\ServiceProvider;

/**
 * Puts Hawser under Laravel's HTTP client: the `Http` facade, and whoever is given an `Illuminate\Http\Client\Factory`.
 * Laravel finds it by itself. Options are those of `ClientOptions::fromArray`, in `config/services.php` under `hawser`;
 * without them the defaults and the environment hold.
 */
final class HawserServiceProvider extends ServiceProvider
{
    public function register(): void
    {
        $this->app->singleton(HawserHandler::class, static fn(Application $app): HawserHandler => new HawserHandler(self::options($app)));
        // In the place of the one that Laravel made, before it made any request.
        $this->app->extend(Factory::class, static fn(Factory $factory, Application $app): Factory => new HawserFactory(
            static fn(): HawserHandler => $app->make(HawserHandler::class),
            $app->make(Dispatcher::class),
        ));
    }

    private static function options(Application $app): ClientOptions
    {
        $options = $app->make(Repository::class)->get('services.hawser');
        if (!\is_array($options) || $options === []) {
            return ClientOptions::fromEnvironment();
        }

        /** @var array<string, mixed> $options a name that is none is refused there */
        return ClientOptions::fromArray($options);
    }
}
